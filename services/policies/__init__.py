"""What is done around every run; each file one plain function. services/execute.py says in which order."""
