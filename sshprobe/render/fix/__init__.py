"""What to paste on the hosts of a sweep, and nothing else: one module a format."""

from __future__ import annotations
