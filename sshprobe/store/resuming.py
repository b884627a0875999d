"""Resumes an interrupted scan: finds the hosts in its file, and the place to cut the file and continue.

A killed scan leaves complete lines and perhaps an incomplete last one. Hosts count as done if they are **written**, not
if they were started. These parts are cut off and done again: the incomplete line, the summary of an interrupted scan,
and the last target of a scan of all addresses, because some of its records may be missing.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import stat
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO

import msgspec

from sshprobe.compression import Decompressed, plain
from sshprobe.model.errors import InputError
from sshprobe.model.observation import SCHEMA
from sshprobe.model.records import HostRecord, Record, SilentRecord, SummaryRecord, SweepRecord
from sshprobe.small_files import open_named, reading
from sshprobe.store.cutting import find_cut
from sshprobe.store.files import Kept
from sshprobe.store.pipes import numbered_lines

_NAMED = 1 << 63
"""Set in all keys except those of IPv4 addresses, which are exact: 32 bits of address, 16 of port."""


_BEGINNING = b'{"type":"sweep",'


def host_key_of(host: str, port: int) -> int:
    """Return 64 bits for a host and port: exact for IPv4, mapped or not, 63 bits of a hash for names and IPv6."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        text = host.lower()
    else:
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        if isinstance(address, ipaddress.IPv4Address):
            return int(address) << 16 | port
        text = address.compressed
    digest = hashlib.blake2b(f"{text} {port}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") | _NAMED


class Resumption:
    """The hosts in a file of records, in eight bytes of memory each.

    Raises `InputError` with file and line if the file is not a scan.
    """

    def __init__(self, name: str, *, all_addresses: bool) -> None:
        self.name = name
        self.header: SweepRecord | None = None
        self.size = 0
        """Bytes of content that are kept."""
        self.kept = Kept()
        """The part of the file that is kept."""
        self.duration_ms = 0.0
        """Duration so far, if the file has a summary."""
        self.silent: Counter[str] = Counter()
        """Status to hosts without a record, which accepted no connection (`--skip-silent`)."""
        self._keys = array("Q")
        self._held: list[tuple[str, int]] = []
        with reading(name), open_named(name) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("is not a file that can be written on", source=name)
            self._read(file, all_addresses)
        self._keys = array("Q", sorted(self._keys))

    def __contains__(self, place: tuple[str, int]) -> bool:
        key = host_key_of(*place)
        index = bisect_left(self._keys, key)
        return index < len(self._keys) and self._keys[index] == key

    def __len__(self) -> int:
        return len(self._keys)

    def replay(self, take: Callable[[HostRecord], None]) -> None:
        """Call `take` with each kept host record, before the file is written."""
        decoder = msgspec.json.Decoder(Record | SilentRecord)
        left = self.size
        with plain(open_named(self.name)) as stream:
            while left > 0:
                line = stream.readline()
                left -= len(line)
                record = decoder.decode(line)
                if isinstance(record, HostRecord):
                    take(record)

    def _read(self, file: IO[bytes], all_addresses: bool) -> None:
        content = plain(file)
        self._read_lines(content, all_addresses)
        if self.header is None or not self.size:
            return
        self.kept = Kept(self.size)
        if isinstance(content, Decompressed):
            try:
                cut = find_cut(content, self.size)
            except InputError as error:
                raise InputError(error.message, source=self.name) from None
            if cut.content < self.size:  # the lines after the cut are done again
                content.seek(0)
                self.header = None
                self._keys = array("Q")
                self.silent.clear()
                self._read_lines(content, all_addresses, most=cut.content)
            self.kept = Kept(cut.size if self.size else 0, cut.ending, content.codec)

    def _read_lines(self, content: IO[bytes], all_addresses: bool, most: int | None = None) -> None:
        """Read the lines, or only the first `most` bytes."""
        decoder = msgspec.json.Decoder(Record | SilentRecord)
        end = 0
        line = b""
        lines = numbered_lines(content, self.name)
        for number, line in lines:
            torn = not line.endswith(b"\n")
            try:
                record = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                if torn:
                    break
                if number == 1 and line.startswith(b'{"sweep":'):
                    words = "is one JSON document: only JSON lines can be resumed"
                    raise InputError(words, source=self.name) from None
                raise InputError("is not a record of a scan", source=self.name, line=number) from None
            if torn or (most is not None and end + len(line) > most):
                break
            self._take(record, number, end, all_addresses)
            if isinstance(record, SummaryRecord):  # written again at the end
                self._refuse_more(lines)
                break
            end += len(line)
        if self.header is None:
            if not line.endswith(b"\n") and line.startswith(_BEGINNING[: len(line)]):
                return  # killed before its first line was written: start again
            raise InputError("does not begin with the header of a sweep", source=self.name, line=1)
        if not all_addresses:
            self._release(end)
        else:
            self._held.clear()

    def _refuse_more(self, lines: Iterator[tuple[int, bytes]]) -> None:
        """Raise `InputError` if anything follows a summary: it would be cut off."""
        for number, line in lines:
            if line.strip():
                raise InputError(
                    "has more records after its summary, which `--resume` would delete: `sshprobe grade` with `-o NEW` "
                    "makes one sweep of them",
                    source=self.name,
                    line=number,
                )

    def _take(self, record: Record | SilentRecord, number: int, start: int, hold: bool) -> None:
        if isinstance(record, SweepRecord):
            if self.header is not None:
                raise InputError("has a second scan", source=self.name, line=number)
            if record.schema.split(".")[0] != SCHEMA.split(".")[0]:
                raise InputError(f"has the record format {record.schema}", source=self.name, line=number)
            self.header = record
            return
        if self.header is None:
            raise InputError("does not begin with the header of a sweep", source=self.name, line=number)
        if isinstance(record, SilentRecord):
            if not hold:  # otherwise a name may have other addresses, whose records are missing
                self._take_silent(record)
            return
        if isinstance(record, SummaryRecord):
            self.duration_ms = record.duration_ms
            if not (hold and record.interrupted):
                self._release(start)
            return
        place = (record.host, record.port)
        if not (hold and place in self._held):
            self._release(start)
        self._held.append(place)

    def _take_silent(self, record: SilentRecord) -> None:
        for status, places in record.hosts.items():
            self.silent[status] += len(places)
            for place in places:
                host, _, port = place.rpartition(":")
                self._keys.append(host_key_of(host.strip("[]"), int(port) if port.isdecimal() else 0))

    def _release(self, end: int) -> None:
        """Keep the records of the last target: it is complete. `end` is the end of its last line."""
        self._keys.extend({host_key_of(*place) for place in self._held})
        self._held.clear()
        self.size = end
