"""The claims of the catalogue about one name, each with its source.

`data/source.tsv` names the source of a column that has its own. The source of other claims are the references
of the entry, which define the method.
"""

from __future__ import annotations

from functools import cache

import msgspec

from sshprobe.algorithms.catalogue import Algorithm, read_table
from sshprobe.algorithms.openssh import OLDEST, history


class Claim(msgspec.Struct, frozen=True):
    """One fact of one entry, for people."""

    field: str
    """Its column: a field of `Algorithm`."""
    what: str
    """In words: "strength"."""
    value: str
    source: str


_WHAT = {
    "family": "family",
    "group": "group",
    "curve": "curve",
    "bits": "strength",
    "hash": "hash",
    "post_quantum": "post-quantum",
    "forward_secrecy": "forward secrecy",
    "format": "format",
    "hardware": "hardware key",
    "block_bits": "block",
    "mode": "mode",
    "aead": "AEAD",
    "construction": "encrypt-then-MAC",
    "before_authentication": "before login",
    "rfc9142": "RFC 9142",
    "openssh_in_code": "OpenSSH",
    "openssh_default": "offered by sshd",
}

_CONSTRUCTIONS = {
    "etm": "yes",
    "e&m": "no: encrypt-and-MAC, as RFC 4253 has it",
    "aead": "none: the cipher protects the packet",
}
_POST_QUANTUM = {
    "no": "no",
    "hybrid": "yes, a hybrid: safe while either half is",
    "pure": "yes, alone",
    "experimental": "not in a form that was standardised",
}


def claims(entry: Algorithm) -> list[Claim]:
    """Return all claims of an entry in the order of its columns, without empty ones."""
    found = []
    for field, what in _WHAT.items():
        value = getattr(entry, field)
        source = _sources().get((field, entry.category))
        if source is None or value in ("", None):
            continue
        if field == "bits" and entry.category == "mac":
            what = "tag"
        found.append(Claim(field, what, _words(entry, field, value), source or entry.references))
    return found


def _words(entry: Algorithm, field: str, value: object) -> str:
    match field:
        case "bits" | "block_bits":
            return "none: a stream cipher" if (field, value) == ("block_bits", 0) else f"{value} bits"
        case "construction":
            return _CONSTRUCTIONS[str(value)]
        case "post_quantum":
            return _POST_QUANTUM[str(value)]
        case "openssh_in_code" | "openssh_default":
            return _life(entry, default=field == "openssh_default")
        case _:
            return str(value)


def _life(entry: Algorithm, *, default: bool) -> str:
    known = history(entry)
    first, gone = (known.default, known.left_default) if default else (known.brought, known.removed)
    began = f"since {first}" + (" or before" if first == OLDEST else "")
    if gone is None:
        return f"by default {began}" if default else began
    return f"by default {began}, not from {gone} on" if default else f"{began}, removed in {gone}"


@cache
def _sources() -> dict[tuple[str, str], str]:
    """Return field and algorithm type to source. An empty source means the references of the entry."""
    rows = read_table("source")[1:]
    return {(field, category): source for field, categories, source in rows for category in categories.split()}
