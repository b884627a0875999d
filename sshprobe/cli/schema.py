"""`sshprobe schema`: the JSON Schema of the records."""

from __future__ import annotations

import sys
from pathlib import Path

import click

INSTALLED = Path(__file__).parents[1] / "_record.schema.json"
IN_CHECKOUT = Path(__file__).parents[2] / "docs" / "record.schema.json"


@click.command()
def schema() -> int:
    """Print the JSON Schema of the records.

    It describes a line of `--format jsonl` and the document of `--format json`. Example: sshprobe schema > schema.json
    """
    path = INSTALLED if INSTALLED.exists() else IN_CHECKOUT
    sys.stdout.write(path.read_text(encoding="utf-8"))
    return 0
