"""Data only: what the other rooms hand to each other, and what is written to disk."""
