"""Reads the destinations of notifications from a file or from the environment. URLs are secrets, so no message contains
one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sshprobe.model.errors import InputError
from sshprobe.platform.file_access import others_can_read
from sshprobe.small_files import read_small_file, reading

ENVIRONMENT = "env"
"""Means the variables `URL_VARIABLE` and `SECRET_VARIABLE` instead of a file."""

URL_VARIABLE = "SSHPROBE_NOTIFY_URL"
"""The variable with URLs, separated by white space."""

SECRET_VARIABLE = "SSHPROBE_NOTIFY_SECRET"
"""The variable with the secret for signatures."""

_SECRET = "secret:"
"""Begins the line of a file with the secret."""

LARGEST_FILE = 65_536
MOST_URLS = 20


class Destination(NamedTuple):
    """One URL, and its name in messages."""

    name: str
    """"line 2 of notify.conf"."""
    url: str
    is_http: bool
    """Whether our JSON is posted there. Other URLs belong to Apprise."""

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that identify the URL without revealing it."""
        return hashlib.blake2b(self.url.encode(), digest_size=16, person=b"sshprobe-notify").digest()


class Destinations(NamedTuple):
    """All URLs, and the secret for signatures."""

    urls: list[Destination]
    secret: bytes
    """Empty: nothing is signed."""


def read_destinations(
    words: str, *, note: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> Destinations:
    """Return the destinations in a file, or in the environment. `words`: the file, or "env".

    A line of the file is a URL, `secret: WORDS`, empty, or a comment after `#`. `note` gets a remark about a file that
    others can read. Raises `InputError` for a file or a line that cannot be used.
    """
    if "://" in words:
        advice = f"takes a file with URLs, or `{ENVIRONMENT}`: others can see a URL on the command line"
        raise InputError(advice, source="--notify")
    if words == ENVIRONMENT:
        found = environment.get(URL_VARIABLE, "").split()
        if not found:
            raise InputError("has no URL for `--notify env`", source=URL_VARIABLE)
        urls = [_destination(f"URL {number} of {URL_VARIABLE}", url) for number, url in enumerate(found, start=1)]
        return Destinations(_few(urls, URL_VARIABLE), environment.get(SECRET_VARIABLE, "").encode())
    with reading(words):
        text = read_small_file(words, most=LARGEST_FILE).decode("utf-8", "replace")
        if others_can_read(Path(words)):
            note(f"{words} can be read by others: `chmod 600` keeps its URLs secret")
    urls, secret = [], ""
    for number, line in enumerate(text.splitlines(), start=1):
        words_of_line = line.strip()
        if words_of_line.startswith(_SECRET):
            secret = words_of_line.removeprefix(_SECRET).strip()
        elif words_of_line and not words_of_line.startswith("#"):
            urls.append(_destination(f"line {number} of {words}", words_of_line))
    if not urls:
        raise InputError("has no URL", source=words)
    return Destinations(_few(urls, words), secret.encode())


def _few(urls: list[Destination], source: str) -> list[Destination]:
    if len(urls) > MOST_URLS:
        raise InputError(f"has more than {MOST_URLS} URLs", source=source)
    return urls


def _destination(name: str, url: str) -> Destination:
    try:
        parts = urlsplit(url)
        usable = bool(parts.scheme) and "://" in url and url.isprintable() and " " not in url
        is_http = parts.scheme.lower() in ("http", "https")
        if is_http:
            usable = usable and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, is_http = False, False
    if not usable:
        raise InputError("is not a URL", source=name)
    return Destination(name, url, is_http)
