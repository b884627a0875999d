"""Plain lists: what a file of targets holds, one a line. zmap, subfinder, naabu and many others write these."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.targets.inventories.source import Source
from sshprobe.targets.sources import refuse_header, refuse_nothing
from sshprobe.targets.specification import Spec, parse_specification


def read(source: Source) -> Iterator[Spec]:
    """Yield the targets of a list."""
    is_first = True
    for number, line in source.lines():
        text = line.partition("#")[0].strip()
        if is_first:
            is_first = False
            refuse_header(text, source.name, number)
        refuse_nothing(text, source.name, number)
        yield parse_specification(text, source=source.name, line=number)
