"""Comparison of the host keys of many hosts: shared keys, shared primes, and weak keys."""
