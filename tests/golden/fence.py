"""Golden records: results of scanning and grading fixed servers, one line each in `records.tsv`.

A refactoring must not change these lines. To see how a change affects records, and to store new lines if it must
change them:

    make golden            # writes the masked records into build/golden, one file each, then `records.tsv`
    git diff tests/golden

Values that differ between runs are masked: times, ports, keys made at start, and invented text of tarpits.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sshprobe.model.records import HostRecord

KEPT = Path(__file__).parent / "records.tsv"

PROFILES = ("mozilla-modern", "sshprobe-2026", "pci-dss")
"""A profile with closed lists, the default, and one that only forbids."""

HEAD = "# name, status, connections, grade:score:compliant of each profile, digest of the masked record\n"

VARIES = frozenset(
    {
        "hostile/a certificate in order/full",  # signed by a CA made for the run
        "hostile/a certificate signed by nobody/full",
        "hostile/a certificate with hostile fields/full",
        "hostile/a host key that changes/full",
        "hostile/garbage in place of ciphertext/full",
    }
)
"""Records that depend on random bytes of the server: their lines have no digest."""

_MADE_UP = re.compile(r"\b[0-9a-f]{16}\b|:\d{4,5}\b|\b\d+(?:\.\d+)? s\b")
_WORDS = {True: "yes", False: "no", None: "null"}


def masked(record: HostRecord, *, fixed_keys: bool) -> HostRecord:
    """Return a record without values that differ between runs. `fixed_keys`: the server's keys are always the same."""
    keys = record.host_keys
    if keys is not None and not fixed_keys:
        keys = [msgspec.structs.replace(key, blob="", fingerprint="") for key in keys]
    return msgspec.structs.replace(
        record,
        target="",
        port=0,
        started_at="",
        duration_ms=0.0,
        error=None if record.error is None else _MADE_UP.sub("_", record.error),
        warnings=[_MADE_UP.sub("_", words) for words in record.warnings],
        lines_before_identification=[_MADE_UP.sub("_", each) for each in record.lines_before_identification[:1]],
        host_keys=keys,
    )


def line_of(name: str, encoded: bytes) -> str:
    """Return the line of one encoded record."""
    record = msgspec.json.decode(encoded, type=HostRecord)
    verdicts = " ".join(f"{each.grade}:{each.score}:{_WORDS[each.compliant]}" for each in record.verdicts) or "-"
    assert not record.labels  # a field that is newer than the lines
    digest = "varies" if name in VARIES else hashlib.sha256(encoded.replace(b'"labels":[],', b"", 1)).hexdigest()[:16]
    return "\t".join((name, record.status, str(record.connections), verdicts, digest))


def kept() -> dict[str, str]:
    """Return the stored lines by name."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    return {each.partition("\t")[0]: each for each in lines if not each.startswith("#")}


def differences(records: Iterable[tuple[str, HostRecord]]) -> list[tuple[str | None, str]]:
    """Return (stored line, new line) of each masked record for which they differ.

    If SSHPROBE_GOLDEN names a folder, write the records there and return nothing.
    """
    folder = os.environ.get("SSHPROBE_GOLDEN")
    known, found = kept(), []
    for name, record in records:
        encoded = msgspec.json.encode(record)
        if folder:
            (Path(folder) / f"{name.replace('/', '|')}.json").write_bytes(msgspec.json.format(encoded))
        elif known.get(name) != (now := line_of(name, encoded)):
            found.append((known.get(name), now))
    return found


def keep(folder: Path) -> None:
    """Store the lines of all records in `folder`, and no others."""
    lines = []
    for file in sorted(folder.glob("*.json")):
        record = msgspec.json.decode(file.read_bytes(), type=HostRecord)
        lines.append(line_of(file.stem.replace("|", "/"), msgspec.json.encode(record)))
    KEPT.write_text(HEAD + "".join(f"{each}\n" for each in sorted(lines)))


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
