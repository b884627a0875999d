"""`sshprobe serve`: an HTTP server on loopback that probes the hosts its user allows, for Prometheus.

The only package that needs the extra `serve`. Nothing but the command imports it.
"""
