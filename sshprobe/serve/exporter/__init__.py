"""Answers Prometheus: probes of allowed hosts, and metrics of this process and of the last scans."""
