"""Records on disk: written, locked, backed up, resumed and read back. Nothing here knows how records look to people."""
