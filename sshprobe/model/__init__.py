"""Data only: the types of records, and others that packages share."""
