"""Runs scans at the times of the configuration file."""
