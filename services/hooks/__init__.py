"""What happens at /hooks/{tenant}/{path}: a request comes in as plain values, an answer goes out as plain values."""
