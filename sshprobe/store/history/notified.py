"""Remembers which changes were sent to which URL. URLs are kept as hashes."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

from sqlalchemy import delete, select

from sshprobe.store.history.database import Database
from sshprobe.store.history.tables import NOTIFIED


def sent_changes(database: Database, destination: bytes) -> set[bytes]:
    """Return the keys of the changes that were sent to a destination, a hash of its URL."""
    with database.reading() as connection:
        return set(connection.scalars(select(NOTIFIED.c.change).where(NOTIFIED.c.destination == destination)))


def add_sent(database: Database, destination: bytes, changes: Collection[bytes], sent_at: str) -> None:
    """Remember changes as sent. `sent_at`: RFC 3339, UTC."""
    rows = [{"destination": destination, "change": each, "sent_at": sent_at} for each in sorted(changes)]
    if rows:
        with database.writing() as connection:
            connection.execute(database.insert(NOTIFIED).on_conflict_do_nothing(), rows)


def undelivered(scan_id: str) -> bytes:
    """Return the mark of a scan in place of a change: the changes since this scan were not delivered."""
    return blake2b(f"undelivered since {scan_id}".encode("utf-8", "backslashreplace"), digest_size=16).digest()


def remove_sent(database: Database, destination: bytes, marks: Collection[bytes]) -> None:
    """Remove marks, after a delivery."""
    with database.writing() as connection:
        connection.execute(
            delete(NOTIFIED).where(NOTIFIED.c.destination == destination, NOTIFIED.c.change.in_(sorted(marks)))
        )
