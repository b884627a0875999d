"""`sshprobe serve`: an HTTP server on loopback that probes allowed hosts, for Prometheus.

Only this package needs the extra `serve`, and only the command imports it.
"""
