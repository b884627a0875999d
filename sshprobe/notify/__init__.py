"""Sends messages only to the URLs that the user configured. It does not depend on records."""
