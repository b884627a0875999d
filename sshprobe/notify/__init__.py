"""Sends messages to the URLs that the user configured, and to nothing else. It knows no records."""
