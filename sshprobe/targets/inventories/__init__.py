"""Targets in files of other programs: one module for each family of formats.

A reader gets a `Source` and yields its targets, checked. Entries that cannot be a target (a hashed name, a closed
port) are left out and counted by reason; a malformed entry is an `InputError` with file and line.

For a format without a reader, the error shows how to convert it. A file that may be two formats is refused: a wrong
guess would contact hosts that nobody named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, NamedTuple

from sshprobe.model.errors import InputError
from sshprobe.targets.inventories import grepable, json_values, known_hosts, nmap, scan_lists, ssh_config, tables
from sshprobe.targets.inventories.source import Source
from sshprobe.targets.inventories.ssh_config_lines import looks_like_config
from sshprobe.targets.specs import Spec, is_unspecified

_XML = re.compile(r"<[?!A-Za-z]")
_ANSIBLE_WAY = "what can be read is JSON: `ansible-inventory -i FILE --list`"

_JSON = re.compile(r"""\{|\[\s*([\[{\]"]|$)""")
"""The start of a JSON object or array, but not "[web1]:2222" (known_hosts) or "[2001:db8::1]:22" (a list)."""

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
"""Lines of formats without a reader, and how to convert them."""

_UNCLEAR = (
    (
        re.compile(r"(host|match|include)\s+\S", re.IGNORECASE),
        "has no settings of an ssh_config: if it is one, `--inventory-format ssh-config` reads it",
    ),
)
"""Lines that are refused only in a list."""

_ANSIBLE_SECTION = re.compile(r"\[[A-Za-z_][\w.-]*(:(children|hosts|vars))?\]")
"""A line of an Ansible inventory in INI format. No supported format has such lines."""

_YAML_BEGIN = re.compile(r"---|[\"']?[A-Za-z_][\w.-]*[\"']?:(\s+#.*)?")
"""The first line of an Ansible inventory in YAML."""


class _Head(NamedTuple):
    """The first bytes of a file as text."""

    begin: str
    """Without leading blanks."""
    lines: list[str]
    """Without leading and trailing blanks."""

    @classmethod
    def of(cls, source: Source) -> _Head:
        text = source.head().decode("utf-8-sig", "replace")
        return cls(text.lstrip(), [line.strip() for line in text.splitlines()])


_Reader = Callable[[Source], Iterator[Spec]]
_Form = tuple[Callable[[_Head], object], _Reader]
"""One form of a format, and its reader."""


def _always(_: _Head) -> bool:
    return True


def _is_json(head: _Head) -> bool:
    return head.begin[:1] in ("{", "[")


def _has(test: Callable[[Sequence[str]], object]) -> Callable[[_Head], object]:
    return lambda head: test(head.lines)


_FORMS: Mapping[str, Sequence[_Form]] = {
    "nmap": ((_has(grepable.is_grepable), grepable.read_nmap), (_always, nmap.read)),
    "masscan": (
        (_is_json, json_values.reader("masscan", "a result of masscan")),
        (lambda head: head.begin.startswith("<"), nmap.read),
        (_has(grepable.is_grepable), grepable.read_masscan),
        (_always, scan_lists.read_masscan),
    ),
    "naabu": (
        (_has(tables.is_naabu), tables.read_naabu),
        (_always, json_values.reader("naabu", "a result of naabu", json_values.can_be_naabu)),
    ),
    "httpx": ((_always, json_values.reader("httpx", "a result of httpx")),),
    "zmap": (
        (_is_json, json_values.reader("zmap", "a result of zmap")),
        (_has(tables.is_zmap), tables.read_zmap),
        (_always, scan_lists.read_list),
    ),
    "zgrab2": ((_always, json_values.reader("zgrab2", "a result of zgrab2")),),
    "rustscan": ((_always, scan_lists.read_rustscan),),
    "shodan": ((_always, json_values.reader("shodan", "a banner of Shodan")),),
    "ansible": ((_always, json_values.reader("ansible", "an inventory of ansible")),),
    "ssh-config": ((_always, ssh_config.read_config),),
    "known-hosts": ((_always, known_hosts.read_known_hosts),),
    "list": ((_always, scan_lists.read_list),),
}
"""The forms of each format, for a file whose format the user named. The first match is used."""

FORMATS: Sequence[str] = tuple(_FORMS)
"""The names that `read_inventory` takes as `format_`."""

_DETECTED: Sequence[_Form] = (
    (lambda head: _XML.match(head.begin), nmap.read),
    (lambda head: _JSON.match(head.begin), json_values.read),
    (_has(grepable.is_masscan_grepable), grepable.read_masscan),
    (_has(grepable.is_grepable), grepable.read_nmap),
    (_has(scan_lists.is_masscan), scan_lists.read_masscan),
    (_has(tables.is_zmap), tables.read_zmap),
    (_has(tables.is_naabu), tables.read_naabu),
    (_has(scan_lists.is_rustscan), scan_lists.read_rustscan),
    (_has(tables.header_of), tables.refuse_table),
    (lambda head: any(pattern.match(line) for pattern, _ in _UNREAD for line in head.lines), scan_lists.read_list),
    (_has(looks_like_config), ssh_config.read_config),
    (_has(known_hosts.is_known_hosts), known_hosts.read_known_hosts),
    (_always, scan_lists.read_list),
)
"""The forms of all formats, in the order in which a file is compared with them."""


def read_inventory(
    name: str, *, format_: str | None, stdin: IO[bytes] | None, ports: Sequence[int], notices: list[str]
) -> Iterator[Spec]:
    """Yield the targets of one file; `-` is `stdin`. Without `format_`, one of `FORMATS`, the content shows the format.

    `ports` are those of the scan. Each reason to leave out an entry adds a message for people to `notices`.

    Raises:
        InputError: the file cannot be read, is malformed, or names no target.
    """
    with closing(Source.open(name, stdin, ports)) as source:
        head = _Head.of(source)
        forms = _DETECTED if format_ is None else _FORMS[format_]
        reader = next(reader for is_form, reader in forms if is_form(head))
        is_list = reader is scan_lists.read_list
        if (is_list or format_ == "ansible") and _is_ansible_source(head.lines):
            raise InputError(f"is an Ansible inventory in INI or YAML; {_ANSIBLE_WAY}", source=source.name)
        if format_ is None and is_list:
            _refuse_unread(source, head.lines)
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
            raise InputError("; ".join(["has no target", *left_out]), source=source.name)
        notices += [f"{source.name}: {line}" for line in left_out]


def _is_ansible_source(lines: Sequence[str]) -> bool:
    """Return whether this is an Ansible inventory in INI or YAML, which only Ansible can read completely."""
    first = next((line for line in lines if line and not line.startswith(("#", ";"))), "")
    return _YAML_BEGIN.fullmatch(first) is not None or any(map(_ANSIBLE_SECTION.fullmatch, lines))


def _refuse_unread(source: Source, lines: Sequence[str]) -> None:
    """Raise `InputError` for a recognised format that has no reader."""
    for number, line in enumerate(lines, start=1):
        for pattern, words in (*_UNREAD, *_UNCLEAR):
            if pattern.match(line):
                raise InputError(words, source=source.name, line=number)
