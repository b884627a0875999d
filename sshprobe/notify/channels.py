"""Sends text through Apprise: Slack, Teams, mail and others."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from sshprobe.model.errors import InputError, missing_extra
from sshprobe.notify.destinations import Destination
from sshprobe.notify.posting import NotDelivered

LONGEST_TEXT = 3_000
"""Characters of a message: most channels take more, and none reads on a telephone."""


def check_channels(destinations: list[Destination]) -> None:
    """Raise `InputError` if a URL is not one of Apprise, or the extra `notify` is not installed."""
    for destination in destinations:
        if not destination.is_http and not _apprise(destination):
            raise InputError("is not a URL that Apprise knows", source=destination.name)


def send_text(destination: Destination, title: str, text: str) -> None:
    """Send a message once. Raises `NotDelivered`."""
    with _silence():
        body = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}\n..."
        channel = _apprise(destination)
        try:
            delivered = bool(channel) and channel.notify(title=title, body=body, body_format="text")
        except Exception as error:  # a plugin can raise anything, and its text can hold the URL
            raise NotDelivered(type(error).__name__) from None
    if not delivered:
        raise NotDelivered("the channel did not take it")


def _apprise(destination: Destination):  # type: ignore[no-untyped-def] # Apprise has no types
    """Return the channel of a URL, which is false if Apprise does not know it."""
    try:
        import apprise
    except ImportError:
        raise missing_extra("apprise", "notify", source="--notify") from None
    with _silence():
        channel = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, secure_logging=True))
        channel.add(destination.url)
    return channel


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the log messages of Apprise and its HTTP client away: they can name the URL."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
