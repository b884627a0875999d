"""`sshprobe schema`: the JSON Schemas of records, changes, notifications and the configuration file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

INSTALLED = Path(__file__).parents[1]
IN_CHECKOUT = Path(__file__).parents[2] / "docs"


DOCUMENTS = ("record", "change", "notification", "config")


@click.command()
@click.argument("of", type=click.Choice(DOCUMENTS), default="record", metavar=f"[{'|'.join(DOCUMENTS)}]")
def schema(of: str) -> int:
    """Print the JSON Schema of the records.

    It describes a line of `--format jsonl` and the document of `--format json`. `sshprobe schema change` describes the
    document of `sshprobe diff --format json`, `sshprobe schema notification` a notification, and `sshprobe schema
    config` the configuration file.
    Example: sshprobe schema > schema.json
    """
    installed = INSTALLED / f"_{of}.schema.json"
    path = installed if installed.exists() else IN_CHECKOUT / f"{of}.schema.json"
    sys.stdout.write(path.read_text(encoding="utf-8"))
    return 0
