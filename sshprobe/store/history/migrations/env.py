"""Alembic runs this module for each migration: on the connection of `database.upgrade`, in its transaction."""

from __future__ import annotations

from alembic import context

from sshprobe.store.history.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
