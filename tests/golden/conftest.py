"""The devices of public bug reports, for the fence."""

from tests.reports.conftest import device

__all__ = ["device"]
