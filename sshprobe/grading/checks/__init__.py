"""Checks: each finding with what it means, and the function that finds it, in one module."""
