"""Targets out of files that other programs wrote: one module for each family of formats.

A reader takes a `Source` and yields what it names, checked. What cannot be a target (a hashed name, a closed port) is
counted by its reason and left out; what is malformed is an `InputError` that names the file and the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO

from sshprobe.errors import InputError
from sshprobe.targets.inventories import json_values, lists, nmap, openssh, scan_lists
from sshprobe.targets.inventories.source import Source
from sshprobe.targets.specification import Spec, is_unspecified

_READERS: Mapping[str, Callable[[Source], Iterator[Spec]]] = {
    "nmap": nmap.read,
    "masscan": scan_lists.read_masscan,
    "naabu": json_values.read_naabu,
    "httpx": json_values.read_httpx,
    "zmap": scan_lists.read_zmap,
    "ansible": json_values.read_ansible,
    "ssh-config": openssh.read_config,
    "known-hosts": openssh.read_known_hosts,
    "list": lists.read,
}

FORMATS: Sequence[str] = tuple(_READERS)
"""The names that `read_inventory` takes as `format_`."""

_JSON = re.compile(rb"""\{|\[\s*([\[{\]"]|$)""")
"""An object or a list of something. "[web1]:2222" of known_hosts and "[2001:db8::1]:22" of a list are neither."""

_ANSIBLE_SECTION = re.compile(r"\[[A-Za-z_][\w.-]*(:(children|hosts|vars))?\]")
"""A line of an Ansible inventory in INI format, and of nothing that is read here."""

_YAML_BEGIN = re.compile(r"---|[A-Za-z_]\w*:")
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
        if reader in (lists.read, json_values.read_ansible) and _is_ansible_source(source.head()):
            words = (
                "is an Ansible inventory in INI or YAML; what can be read is JSON: `ansible-inventory -i FILE --list`"
            )
            raise InputError(words, source=source.name)
        empty = True
        try:
            for spec in reader(source):
                if is_unspecified(spec):
                    source.left_out["the unspecified address, which is no host"] += 1
                    continue
                empty = False
                yield spec
        except UnicodeDecodeError:
            raise InputError("is not UTF-8 text", source=source.name) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=source.name) from None
        left_out = [f"{count:,} left out: {reason}" for reason, count in source.left_out.items()]
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
    if begin.startswith(b"<"):
        return nmap.read
    if _JSON.match(begin):
        return json_values.read
    lines = [line.strip() for line in head.decode("utf-8", "replace").splitlines()]
    if scan_lists.is_masscan(lines):
        return scan_lists.read_masscan
    if scan_lists.is_zmap(lines):
        return scan_lists.read_zmap
    if openssh.is_config(lines):
        return openssh.read_config
    if openssh.is_known_hosts(lines):
        return openssh.read_known_hosts
    return lists.read
