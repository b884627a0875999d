"""Records on disk: writing, locks, backups, resuming and reading. This package does not format records for people."""
