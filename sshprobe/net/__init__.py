"""Dialling: names to addresses, addresses to byte streams with deadlines. Knows nothing of SSH."""

from sshprobe.net.dial import Address, NetworkError, resolve
from sshprobe.net.stream import Stream, open_stream

__all__ = ["Address", "NetworkError", "Stream", "open_stream", "resolve"]
