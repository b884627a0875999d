"""Programs that tests need. A missing one skips the test and names the package; with CI=true it fails the test."""

from __future__ import annotations

import os

import pytest

from sshprobe.lab.process import find_program


def need(present: object, name: str, package: str) -> None:
    if present:
        return
    reason = f"{name} is not installed (Debian: {package}); `scripts/install-servers` installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need_program(name: str, package: str) -> str:
    found = find_program(name)
    need(found, f"`{name}`", package)
    return str(found)
