"""Guesses about names without an entry: never strong, and weak if a part of the name names a weak method.

Vendors give old methods their own names: "diffie-hellman-group1-sha1-win7@microsoft.com". Only whole parts of the
name before its domain count: "group14" is not "group1", and "ecdsa" is not "dsa". The text of a guess says that it is a
guess.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from sshprobe.algorithms.catalogue import is_marker, lookup, names_aead_cipher
from sshprobe.algorithms.weakness import RULES, UNKNOWN, Weakness, weakness
from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.verdict import SEVERITIES

_SHORT_CURVE = r"(?:nist|sec|brainpool)?[pkbt](?:1[0-9]{2}|20[0-9])(?:[rkt][0-9])?"
_DES = r"des(?:40|56|64)?(?!-ede)|sdes"
_BLOCK_64 = r"blowfish|bf|cast128|cast5|idea|gost89|magma|skipjack|x?tea|safer|rc2|rc5"

_PARTS: tuple[tuple[AlgorithmType, str, str, str], ...] = (
    (
        "kex",
        r"group-?(?:1|2|512|768|1024)|(?:modp|dh)-?(?:512|768|1024)",
        "logjam",
        "a 1024-bit group or less",
    ),
    ("kex", r"rsa(?:512|768|1024)", "short-strength", "1024 bits or less"),
    ("kex", _SHORT_CURVE, "low-strength", "a short curve"),
    ("kex", r"sha-?1|md5", "sha1-exchange", "SHA-1 or MD5"),
    ("host_key", r"(?<!-ml-)(?<!-slh-)(?<!-fn-)dsa|dss(?:1)?", "dsa", "DSA"),
    ("host_key", r"rsa(?:512|768|1024)", "short-strength", "1024 bits or less"),
    ("host_key", _SHORT_CURVE, "low-strength", "a short curve"),
    ("host_key", r"sha-?1|md5", "sha1-signature", "SHA-1 or MD5"),
    ("cipher", r"none|null|plain|plaintext|cleartext", "no-protection", "no encryption"),
    ("cipher", r"a?rc4(?:[0-9]+)?|arcfour(?:[0-9]+)?", "rc4", "RC4"),
    ("cipher", rf"{_DES}|40|40bit|56|56bit", "short-key", "DES or a short key"),
    ("cipher", r"ecb", "ecb", "ECB mode"),
    ("cipher", r"3des|des3|tdes|tdea|3tdea|2tdea|des-ede3?|tripledes", "64-bit-block", "3DES"),
    ("cipher", rf"{_BLOCK_64}|{_DES}|desx", "64-bit-block", "64-bit blocks"),
    ("cipher", r"cbc", "cbc", "CBC mode"),
    ("cipher", r"[co]fb(?:[0-9]+)?", "mode", "CFB or OFB mode"),
    ("mac", r"none|null", "no-protection", "no MAC"),
    ("mac", r"crc32|crc", "short-tag", "a checksum"),
    ("mac", r"(?:hmac)?md[245]", "md5", "MD5"),
    ("mac", r"sha-?1-(?:32|64|80|96)", "sha1-truncated", "SHA-1, cut short"),
    ("mac", r"(?:hmac)?sha-?1", "hmac-sha1", "SHA-1"),
)
"""Algorithm type, pattern of one or more parts of a name, the rule of `weakness` that would apply, and its
description."""

_OF_RULES = {rule.weakness.reason: rule.weakness for rule in RULES}
_MECHANISM = re.compile(r"[A-Za-z0-9+/]{22}==")
"""The end of a GSS-API exchange's name (RFC 4462 section 2.1): base64 of 16 bytes."""


@lru_cache(maxsize=4096)
def is_unknown(category: AlgorithmType, name: str) -> bool:
    """Return whether a name has no entry in the catalogue and is not a marker. GSS-API mechanisms are ignored.

    Names of AEAD ciphers in a list of MACs count as known in any spelling.
    """
    if category == "mac" and names_aead_cipher(name):
        return False
    return lookup(category, name) is None and not is_marker(name)


@lru_cache(maxsize=4096)
def weakness_of(category: AlgorithmType, name: str) -> Weakness | None:
    """Return the weakness of a name in a list, None if it has none.

    For a name without an entry (see `is_unknown`) this is a guess, or `UNKNOWN`.
    """
    if category == "mac" and names_aead_cipher(name):
        return None
    entry = lookup(category, name)
    if entry is not None:
        return weakness(entry)
    return next(iter(_guesses(category, name)), UNKNOWN)


@lru_cache(maxsize=4096)
def weakness_codes(category: AlgorithmType, name: str) -> tuple[str, ...]:
    """Return the codes of all weaknesses of a name, the worst first: ("short-strength", "logjam", "sha1")."""
    worst = weakness_of(category, name)
    if worst is None:
        return ()
    entry = lookup(category, name)
    if entry is None:
        others = [guess.code for guess in _guesses(category, name)]
    else:
        others = [rule.weakness.code for rule in RULES if category in rule.categories and rule.holds(entry)]
    return tuple(dict.fromkeys([worst.code, *others]))


def _guesses(category: AlgorithmType, name: str) -> list[Weakness]:
    """Return the weaknesses that a name suggests, worst first."""
    local = name.partition("@")[0]
    found = []
    same = lookup(category, local) if local != name else None
    weak = None if same is None else weakness(same)
    if weak is not None:
        # A known name with a vendor's domain. The full name must match: "ssh-rsa-sha2-256@attachmate.com" is not
        # "ssh-rsa".
        found.append(_as_guess(weak, local))
    if name.startswith("gss-") and _MECHANISM.fullmatch(name.rpartition("-")[2]):
        local = name.rpartition("-")[0]
    own = f"-{'-'.join(re.findall('[a-z0-9]+', local.lower()))}-"
    found += [
        _as_guess(_OF_RULES[reason], words)
        for of, parts, reason, words in _PARTS
        if of == category and re.search(f"-(?:{parts})(?=-)", own)
    ]
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def _as_guess(weak: Weakness, words: str) -> Weakness:
    return msgspec.structs.replace(
        weak,
        words=f"an unknown name that looks like {words}",
        why=f"the catalogue does not know the name; if it is what it looks like: {weak.why}",
    )
