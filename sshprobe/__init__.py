"""Asks SSH servers what they offer and grades the answers against recommended profiles."""

__version__ = "0.1.0"
