"""Differences between Linux, macOS and Windows. No other module checks which system it runs on."""
