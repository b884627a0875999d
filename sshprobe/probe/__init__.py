"""Probes one host: the questions, the plan of few connections, and the observation."""
