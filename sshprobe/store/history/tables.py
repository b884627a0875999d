"""The tables of a history. `migrations` creates them; a test compares the two.

A sighting, one host in one scan, is a few integers. Observations and verdicts are stored once for all hosts and scans
with equal ones.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
)

PREFIX = "sshprobe_"
"""Other programs may have tables in the same database."""

VERSION_TABLE = f"{PREFIX}version"
"""Alembic's table with the revision of the others."""

METADATA = MetaData()

_id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only if the type is INTEGER

SCAN = Table(
    f"{PREFIX}scan",
    METADATA,
    Column("id", _id, primary_key=True),
    Column("scan_id", String, nullable=False, unique=True),
    Column("started_at", String, nullable=False, index=True),
    Column("duration_ms", Float),
    Column("hosts", Integer, nullable=False, server_default="0"),
    Column("complete", Boolean, nullable=False, server_default=false()),
    Column("header", LargeBinary, nullable=False),
    Column("summary", LargeBinary),
)
"""One row for each scan. `complete`: it ended by itself and every host is here. `header` and `summary`: compressed JSON
of the records; no summary means that the scan runs or was killed. `started_at`: RFC 3339, UTC, which sorts by time."""

HOST = Table(
    f"{PREFIX}host",
    METADATA,
    Column("id", _id, primary_key=True),
    Column("via", String, nullable=False),
    Column("name", String, nullable=False),
    Column("port", Integer, nullable=False),
    UniqueConstraint("name", "port", "via"),
)
"""One row for each host. `via`: the network segment or bastion through which it was scanned, else "". `name`: the name
that the user gave, in lower case, else the address. The key begins with it, since timelines look it up."""

ADDRESS = Table(
    f"{PREFIX}address",
    METADATA,
    Column("id", _id, primary_key=True),
    Column("address", String, nullable=False, unique=True),
)
"""Addresses of hosts that were given by name."""

SAME_ADDRESS, UNKNOWN_ADDRESS = 0, -1
"""Special values instead of the id of an address: the host was given by its address; its name could not be resolved."""

OBSERVATION = Table(
    f"{PREFIX}observation",
    METADATA,
    Column("id", _id, primary_key=True),
    Column("hash", LargeBinary(16), nullable=False, unique=True),
    Column("record", LargeBinary, nullable=False),
)
"""Observations, each kind once: `hash` comes from `hashing.observation_hash`, `record` the compressed JSON of the first
of its kind, without the fields that say which host it is and when it was seen."""

VERDICT = Table(
    f"{PREFIX}verdict",
    METADATA,
    Column("id", _id, primary_key=True),
    Column("hash", LargeBinary(16), nullable=False, unique=True),
    Column("record", LargeBinary, nullable=False),
)
"""The verdicts, fleet findings and labels of a host, each kind once, as compressed JSON."""

SIGHTING = Table(
    f"{PREFIX}sighting",
    METADATA,
    Column("host", _id, ForeignKey(HOST.c.id), primary_key=True),
    Column("scan", _id, ForeignKey(SCAN.c.id), primary_key=True),
    Column("address", _id, primary_key=True, server_default="0"),
    Column("observation", _id, ForeignKey(OBSERVATION.c.id), nullable=False),
    Column("verdict", _id, ForeignKey(VERDICT.c.id), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("connections", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""One host in one scan. The key serves the timeline of a host, the index all hosts of a scan.

`address`: an id, or one of the two numbers above. A host that was given by name has a row for each address that was
scanned. `started_ms`: milliseconds since the start of the scan."""

Index(f"{PREFIX}sighting_by_scan", SIGHTING.c.scan)

COUNTER = Table(
    f"{PREFIX}counter",
    METADATA,
    Column("label", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("scope", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("scan", _id, ForeignKey(SCAN.c.id), primary_key=True),
    Column("hosts", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""The counters of each scan (`counters.CounterKey`). The key serves a trend."""

Index(f"{PREFIX}counter_by_scan", COUNTER.c.scan)

NOTIFIED = Table(
    f"{PREFIX}notified",
    METADATA,
    Column("destination", LargeBinary(16), primary_key=True),
    Column("change", LargeBinary(16), primary_key=True),
    Column("sent_at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Changes that `--notify` sent: hashes of the URL and of the change, and when, RFC 3339, UTC. Also marks of scans after
which a delivery failed."""
