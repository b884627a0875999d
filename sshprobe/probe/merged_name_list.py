"""The names that appear only in the KEXINITs of later connections: all known ones, and some of the others.

The first KEXINIT is kept whole: a packet limits it. A server that invents names in each of a dozen connections would
fill a record with tens of megabytes, mostly findings. So these later names are kept:

1. every name in the catalogue and every marker: a weak name that was offered once must not pass unseen; 2. the first
mechanism of each GSS-API exchange. Others are graded like it, so the grade needs no more: `MECHANISMS_KEPT` stay for
readers, and a warning counts the rest. Servers that share an address may differ by dozens: one without GSS-API, another
with six methods for each of its mechanisms; 3. `UNKNOWN_KEPT` unknown names in each list. The record counts the rest,
and a warning says so. A profile may forbid one of them, or allow or waive all kept ones. So a verdict with names left
out scores 0 and reaches every `--fail-on`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Literal

from sshprobe.algorithms import is_marker, lookup
from sshprobe.model.escape import escape_bytes
from sshprobe.model.name_lists import FIELDS

UNKNOWN_KEPT = 32
"""Names without an entry in the catalogue that are kept in each list."""

MECHANISMS_KEPT = 32
"""Further mechanisms of GSS-API exchanges that are kept."""

_CLASSES = {field: type_ for type_, fields in FIELDS.items() for _, field in fields}
"""The algorithm type of each name-list, except those of languages."""


class MergedNameList:
    """The later names of one name-list."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._class = _CLASSES.get(field)
        self._kept: dict[str, None] = {}
        self._families: set[str] = set()
        self._unknown = 0
        self._mechanisms = 0
        self.left_out = 0
        """The number of unknown names that are not kept; each counts once per connection."""
        self._mechanisms_left_out = 0

    @property
    def of_algorithms(self) -> bool:
        """Whether its names are graded. Languages are not."""
        return self._class is not None

    def add(self, names: Iterable[bytes], first: Set[bytes]) -> None:
        """Add the names of a connection. `first`: the names of the first KEXINIT."""
        for raw in dict.fromkeys(names):
            if raw in first:
                continue
            name = escape_bytes(raw)
            if name in self._kept:
                continue
            kind = self._kind(name)
            if kind == "unknown":
                if self._unknown == UNKNOWN_KEPT:
                    self.left_out += 1
                    continue
                self._unknown += 1
            elif kind == "mechanism":
                if self._mechanisms == MECHANISMS_KEPT:
                    self._mechanisms_left_out += 1
                    continue
                self._mechanisms += 1
            self._kept[name] = None

    def _kind(self, name: str) -> Literal["known", "mechanism", "unknown"]:
        """Return whether the catalogue has a name, and whether it is a further mechanism of an exchange."""
        entry = None if self._class is None else lookup(self._class, name)
        if entry is None:
            return "known" if self._class == "kex" and is_marker(name) else "unknown"
        if entry.name == name:
            return "known"
        further = entry.name in self._families
        self._families.add(entry.name)
        return "mechanism" if further else "known"

    def __iter__(self) -> Iterator[str]:
        """Yield the kept names, safe to print, in their order of arrival."""
        return iter(self._kept)

    def warnings(self) -> Iterator[str]:
        """Yield a sentence for the names that are not kept."""
        if self.left_out:
            yield f"{self._field}: {self.left_out:,} unknown names of later connections are left out"
        if self._mechanisms_left_out:
            yield (
                f"{self._field}: {self._mechanisms_left_out:,} further mechanisms of GSS-API exchanges are left out; "
                "they are judged as the first"
            )
