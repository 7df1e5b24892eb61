"""HTTP in, HTML or JSON out. One file a noun."""
