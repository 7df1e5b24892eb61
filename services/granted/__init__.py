"""What a running script is handed: each thing already bound to its tenant and its limits."""
