"""Scans, hosts, observations and verdicts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    id_ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "sshprobe_scan",
        sa.Column("id", id_, primary_key=True),
        sa.Column("scan_id", sa.String, nullable=False, unique=True),
        sa.Column("started_at", sa.String, nullable=False, index=True),
        sa.Column("duration_ms", sa.Float),
        sa.Column("hosts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("summary", sa.LargeBinary),
    )
    op.create_table(
        "sshprobe_host",
        sa.Column("id", id_, primary_key=True),
        sa.Column("via", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.UniqueConstraint("name", "port", "via"),
    )
    op.create_table(
        "sshprobe_address",
        sa.Column("id", id_, primary_key=True),
        sa.Column("address", sa.String, nullable=False, unique=True),
    )
    for name in ("observation", "verdict"):
        op.create_table(
            f"sshprobe_{name}",
            sa.Column("id", id_, primary_key=True),
            sa.Column("hash", sa.LargeBinary(16), nullable=False, unique=True),
            sa.Column("record", sa.LargeBinary, nullable=False),
        )
    op.create_table(
        "sshprobe_sighting",
        sa.Column("host", id_, sa.ForeignKey("sshprobe_host.id"), primary_key=True),
        sa.Column("scan", id_, sa.ForeignKey("sshprobe_scan.id"), primary_key=True),
        sa.Column("address", id_, primary_key=True, server_default="0"),
        sa.Column("observation", id_, sa.ForeignKey("sshprobe_observation.id"), nullable=False),
        sa.Column("verdict", id_, sa.ForeignKey("sshprobe_verdict.id"), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("duration_us", sa.BigInteger, nullable=False),
        sa.Column("connections", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("sshprobe_sighting_by_scan", "sshprobe_sighting", ["scan"])
