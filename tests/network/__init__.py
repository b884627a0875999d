"""Scans in network namespaces, with routes, links and gateways that fail."""
