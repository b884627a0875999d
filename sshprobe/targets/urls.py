"""URLs that users give where a host belongs."""

from __future__ import annotations

import re

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/@]*@)?(\[[^\]/]*\]|[^/:?#\[]+)(:\d+)?(?=[/?#]|$)")
_OF_SSH = frozenset({"ssh", "sftp", "scp"})


def host_of_url(text: str) -> str:
    """Return what to write instead of a URL: its host, and its port too where that is one of SSH; else ""."""
    found = _URL.match(text)
    if found is None:
        return ""
    scheme, host, port = found.groups()
    return str(host) + (port or "" if scheme.lower() in _OF_SSH else "")
