"""Output of `--fix`: lines to paste on the hosts of a scan."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.views.fixes import Plan

FORMATS = {
    "sshd_config": "pasted:sshd_config",
    "sshd_config.d": "pasted:drop_in",
    "ansible": "ansible:playbook",
    "dropbear": "pasted:dropbear",
}
"""Names for `--fix --format`, in the order of the help, with the module and function that format a plan."""


def load_format(name: str) -> Callable[[Plan], str]:
    """Return the function of one of `FORMATS`."""
    module, _, function = FORMATS[name].partition(":")
    render: Callable[[Plan], str] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return render
