"""SSH transport, sans-IO: bytes in, events out."""
