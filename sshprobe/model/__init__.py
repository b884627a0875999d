"""Data only: the types that other packages share, and that records are written from."""
