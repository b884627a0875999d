"""Counters of each scan, so that a trend reads no hosts. Scans of before get theirs when they are written again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of counters."""
    id_ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "sshprobe_counter",
        sa.Column("label", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("scope", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("scan", id_, sa.ForeignKey("sshprobe_scan.id"), primary_key=True),
        sa.Column("hosts", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("sshprobe_counter_by_scan", "sshprobe_counter", ["scan"])
