"""A scan in network namespaces of its own, with routes, links and gateways that fail."""
