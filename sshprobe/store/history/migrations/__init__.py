"""The versions of a history's tables, run by Alembic."""
