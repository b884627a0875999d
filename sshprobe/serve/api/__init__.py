"""The HTTP API, version 1: the data of the pages as JSON."""
