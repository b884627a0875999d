"""Options that several commands share, and the types that check their values."""
