"""Checks: each module has findings, their explanations, and the functions that find them."""
