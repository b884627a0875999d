"""Targets out of files that other programs wrote: one module for each family of formats.

A reader takes a `Source` and yields what it names, checked. What cannot be a target (a hashed name, a closed port) is
counted by its reason and left out; what is malformed is an `InputError` that names the file and the line.

A format that is not read is refused with the way to one that is. What looks like two is never guessed at: a scan would
contact hosts that nobody named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO

from sshprobe.model.errors import InputError
from sshprobe.targets.inventories import grepable, json_values, known_hosts, scan_lists, ssh_config, tables
from sshprobe.targets.inventories.source import Source
from sshprobe.targets.inventories.ssh_config_lines import looks_like_config
from sshprobe.targets.specification import Spec, is_unspecified

_READERS: Mapping[str, Callable[[Source], Iterator[Spec]]] = {
    "nmap": scan_lists.read_nmap,
    "masscan": scan_lists.read_masscan,
    "naabu": scan_lists.read_naabu,
    "httpx": json_values.read_httpx,
    "zmap": scan_lists.read_zmap,
    "zgrab2": json_values.read_zgrab,
    "rustscan": scan_lists.read_rustscan,
    "shodan": json_values.read_shodan,
    "ansible": json_values.read_ansible,
    "ssh-config": ssh_config.read_config,
    "known-hosts": known_hosts.read_known_hosts,
    "list": scan_lists.read_list,
}

FORMATS: Sequence[str] = tuple(_READERS)
"""The names that `read_inventory` takes as `format_`."""

_XML = re.compile(rb"<[?!A-Za-z]")
_ANSIBLE_WAY = "what can be read is JSON: `ansible-inventory -i FILE --list`"

_JSON = re.compile(rb"""\{|\[\s*([\[{\]"]|$)""")
"""An object or a list of something. "[web1]:2222" of known_hosts and "[2001:db8::1]:22" of a list are neither."""

_UNREAD = (
    (
        re.compile(r"Nmap scan report for |# Nmap \S+ scan initiated |Starting Nmap "),
        "is nmap's normal output: write XML with `nmap -oX FILE`, or read its .gnmap file",
    ),
    (re.compile(r"Discovered open port \d+/"), "is what masscan prints: write JSON with `masscan -oJ FILE`"),
    (re.compile(r"(TCP|UDP) open\s+\S+\[\s*\d+\]"), "is the unicornscan format of masscan: write JSON with `-oJ FILE`"),
    (re.compile(r"Open \S+:\d+$"), "is what rustscan prints: write a list with `rustscan --greppable`"),
    (re.compile(r"\S+.*\sansible_\w+\s*="), "is an Ansible inventory in INI or YAML; " + _ANSIBLE_WAY),
)
"""Lines that show a format which is not read, and the way to one that is."""

_UNCLEAR = (
    (
        re.compile(r"(host|match|include)\s+\S", re.IGNORECASE),
        "has no settings of an ssh_config: if it is one, `--inventory-format ssh-config` reads it",
    ),
)
"""Lines that show nothing where a file is read as another format, and something where it is a list."""

_ANSIBLE_SECTION = re.compile(r"\[[A-Za-z_][\w.-]*(:(children|hosts|vars))?\]")
"""A line of an Ansible inventory in INI format, and of nothing that is read here."""

_YAML_BEGIN = re.compile(r"---|[\"']?[A-Za-z_][\w.-]*[\"']?:(\s+#.*)?")
"""The first line of one in YAML."""


def read_inventory(
    name: str, *, format_: str | None, stdin: IO[bytes] | None, ports: Sequence[int], notices: list[str]
) -> Iterator[Spec]:
    """Yield the targets of one file; `-` is `stdin`. Without `format_`, one of `FORMATS`, the content says what it is.

    `ports` are those of the sweep. A line for people is added to `notices` for each reason to leave something out.

    Raises:
        InputError: the file cannot be read, is malformed, or names no target.
    """
    with closing(Source.open(name, stdin, ports)) as source:
        reader = _READERS[format_] if format_ is not None else _detect(source.head())
        if reader in (scan_lists.read_list, json_values.read_ansible) and _is_ansible_source(source.head()):
            raise InputError(f"is an Ansible inventory in INI or YAML; {_ANSIBLE_WAY}", source=source.name)
        if format_ is None and reader is scan_lists.read_list:
            _refuse_unread(source)
        empty = True
        try:
            for spec in reader(source):
                if is_unspecified(spec):
                    source.left_out["the unspecified address, which is not a host"] += 1
                    continue
                empty = False
                yield spec
        except UnicodeDecodeError:
            raise InputError("is not UTF-8 text", source=source.name) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=source.name) from None
        left_out = [f"{count:,} left out: {reason}" for reason, count in source.left_out.items()]
        left_out += source.remarks
        if empty:
            raise InputError("; ".join(["holds no target", *left_out]), source=source.name)
        notices += [f"{source.name}: {line}" for line in left_out]


def _is_ansible_source(head: bytes) -> bool:
    """Whether a file is an inventory as people write it for Ansible: only Ansible reads all that one can hold."""
    lines = [line.strip() for line in head.decode("utf-8-sig", "replace").splitlines()]
    first = next((line for line in lines if line and not line.startswith(("#", ";"))), "")
    return _YAML_BEGIN.fullmatch(first) is not None or any(map(_ANSIBLE_SECTION.fullmatch, lines))


def _detect(head: bytes) -> Callable[[Source], Iterator[Spec]]:
    """Tell the format by the first bytes of a file."""
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _XML.match(begin):
        return scan_lists.read_nmap
    if _JSON.match(begin):
        return json_values.read
    lines = [line.strip() for line in head.decode("utf-8-sig", "replace").splitlines()]
    if grepable.is_grepable(lines):
        return grepable.read_masscan if grepable.is_masscan_grepable(lines) else grepable.read_nmap
    if scan_lists.is_masscan(lines) or tables.is_zmap(lines) or tables.is_naabu(lines) or scan_lists.is_rustscan(lines):
        return _scanner(lines)
    if tables.header_of(lines) is not None:
        return tables.refuse_table
    if any(pattern.match(line) for pattern, _ in _UNREAD for line in lines):
        return scan_lists.read_list
    if looks_like_config(lines):
        return ssh_config.read_config
    if known_hosts.is_known_hosts(lines):
        return known_hosts.read_known_hosts
    return scan_lists.read_list


def _scanner(lines: list[str]) -> Callable[[Source], Iterator[Spec]]:
    if scan_lists.is_masscan(lines):
        return scan_lists.read_masscan
    if tables.is_zmap(lines):
        return tables.read_zmap
    return tables.read_naabu if tables.is_naabu(lines) else scan_lists.read_rustscan


def _refuse_unread(source: Source) -> None:
    """Raise `InputError` for a format that shows itself and is not read."""
    for number, line in enumerate(source.head().decode("utf-8-sig", "replace").splitlines(), start=1):
        for pattern, words in (*_UNREAD, *_UNCLEAR):
            if pattern.match(line.strip()):
                raise InputError(words, source=source.name, line=number)
