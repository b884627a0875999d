"""`sshprobe serve`: an exporter for Prometheus, a web dashboard, an API and a schedule in one HTTP server.

Only this package needs the extra `serve`, and only the command imports it.
"""
