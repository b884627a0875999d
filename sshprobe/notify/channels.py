"""Sends text through Apprise: Slack, Teams, mail and others."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

from sshprobe.model.errors import InputError, missing_extra
from sshprobe.notify.destinations import Destination
from sshprobe.notify.posting import NotDelivered

LONGEST_TEXT = 3_000
"""The most characters of a message: most channels accept more, but longer ones are hard to read on a telephone."""


def check_channels(destinations: list[Destination]) -> None:
    """Raise `InputError` if a URL is not one of Apprise, or the extra `notify` is not installed."""
    for destination in destinations:
        if not destination.is_http and not _apprise(destination):
            raise InputError("is not a URL that Apprise knows", source=destination.name)


def send_text(destination: Destination, title: str, text: str) -> None:
    """Send a message once. Raises `NotDelivered`."""
    with _silence():
        body = _harmless(text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}\n...")
        channel = _apprise(destination)
        try:
            delivered = bool(channel) and channel.notify(title=_harmless(title), body=body, body_format="text")
        except Exception as error:  # a plugin can raise any exception, and its text can contain the URL
            raise NotDelivered(type(error).__name__) from None
    if not delivered:
        raise NotDelivered("the channel did not accept it")


_MENTION = re.compile(r"@(?=everyone|here|channel|all\b)", re.IGNORECASE)


def _harmless(text: str) -> str:
    """Return text that mentions nobody and links to nothing: servers send parts of it, and chats read markup."""
    return _MENTION.sub("(at)", text.translate({ord("<"): "(", ord(">"): ")"}))


def _apprise(destination: Destination):  # type: ignore[no-untyped-def] # Apprise has no types
    """Return the channel of a URL. It is false if Apprise does not know the URL."""
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
    """Suppress the log messages of Apprise and its HTTP client, because they can contain the URL."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
