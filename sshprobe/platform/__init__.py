"""Differences between Linux, macOS and Windows. No other module checks the system."""
