"""What people call things that `sshprobe explain` knows by another name."""

from __future__ import annotations

import difflib
from collections.abc import Collection

FINDINGS = {
    "password": "authentication.unlisted",
    "keyboard-interactive": "authentication.unlisted",
    "hostbased": "authentication.unlisted",
    "gssapi-with-mic": "authentication.unlisted",
    "publickey": "authentication.missing",
    "banner": "authentication.no_banner",
    "server-sig-algs": "authentication.signature_weak",
    "group": "group_exchange.modulus",
    "moduli": "group_exchange.modulus",
    "modulus": "group_exchange.modulus",
    "roca": "host_key.roca",
    "terrapin": "kex.terrapin",
    "ssh1": "protocol.ssh1",
    "ssh-1": "protocol.ssh1",
}
"""Words that a report shows in place of an algorithm, and names by which faults are known, to the finding."""

SHOWN = 5
"""Names that an error proposes, at most."""


def close_names(word: str, known: Collection[str]) -> list[str]:
    """Return what `word` may have meant: names that contain it from the beginning of a part on, else similar ones."""
    word = word.lower()
    if len(word) >= 3:
        inside = [name for name in sorted(known) if f".{word}" in f".{name.lower().replace('_', '.')}"]
        if inside:
            return inside[:SHOWN]
    return difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.6)
