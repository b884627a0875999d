"""Runs devices of public bug reports for the golden records."""

from tests.reports.conftest import device

__all__ = ["device"]
