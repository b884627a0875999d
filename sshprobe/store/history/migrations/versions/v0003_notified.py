"""Which changes `--notify` sent, so that each is sent once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table of sent changes."""
    op.create_table(
        "sshprobe_notified",
        sa.Column("destination", sa.LargeBinary(16), primary_key=True),
        sa.Column("change", sa.LargeBinary(16), primary_key=True),
        sa.Column("sent_at", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
