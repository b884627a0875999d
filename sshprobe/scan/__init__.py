"""Scans of many hosts: settings in, records out."""
