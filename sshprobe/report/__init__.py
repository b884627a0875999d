"""Records shown and stored: one module a format. Everything here sees records only, never a server or a profile."""
