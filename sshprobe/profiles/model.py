"""The types of a profile: what one edition of one document recommends, as far as a server shows it.

Each section names the place in the document (`where`) and, in the built-in profiles, the numbers of the
recommendations it checks (`covers`). A section that is absent demands nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sshprobe.algorithms import Class, lookup

WORDS = ("MUST", "SHOULD+", "SHOULD", "SHOULD-", "MAY", "SHOULD NOT", "MUST NOT")
"""The words of RFC 2119 as RFC 8247 and RFC 9142 use them, strongest recommendation first."""

FORBIDDING_WORDS = ("SHOULD NOT", "MUST NOT")

Why = Literal["login", "client", "intrusive", "obsolete", "error"]


class AlgorithmRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class of algorithms: `[kex]`, `[cipher]`, `[mac]`, `[compression]`."""

    where: str
    covers: tuple[str, ...] = ()
    allowed: tuple[str, ...]
    """Names as on the wire; an alias stands for its algorithm, "gss-group16-sha512-*" for every mechanism."""
    recommended: tuple[str, ...] = ()
    """Those of `allowed` whose absence is worth a note."""
    words: dict[str, str] = {}
    """Name to one of `WORDS`. A forbidding word is a deviation that cites it; any other allows the name."""


class MinimumBits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Least sizes of host keys in bits, for the types whose size is free."""

    rsa: int | None = None
    dsa: int | None = None
    where: str | None = None
    """Where the sizes are from, if that is not the section's `where`: findings about a size cite it."""


class HostKeyRule(AlgorithmRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[host_key]`: signature algorithms, and `[host_key.min_bits]`."""

    min_bits: MinimumBits = MinimumBits()


class GroupExchangeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[group_exchange]`: the least modulus in bits, where the server offers a group exchange."""

    where: str
    covers: tuple[str, ...] = ()
    min_bits: int


class ProtocolRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[protocol]`: versions of the identification string, "2.0"."""

    where: str
    covers: tuple[str, ...] = ()
    allowed: tuple[str, ...]


class AuthenticationRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[authentication]`: methods that a server may list after a "none" request (RFC 4252 section 5.2)."""

    where: str
    covers: tuple[str, ...] = ()
    allowed: tuple[str, ...]
    recommended: tuple[str, ...] = ()


class Explained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recommendation that a scan cannot check, and why."""

    id: str
    recommendation: str
    where: str
    why: Why
    """"login": needs a login or the host's files. "client": about clients or people. "intrusive": the check
    would harm. "obsolete": without effect today. "error": a mistake in the document."""
    explanation: str


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One edition of a document of recommendations."""

    id: str
    title: str
    version: str
    """The edition."""
    date: str
    """Of the edition: "2022", "2022-07" or "2022-07-14"."""
    source: str
    extends: tuple[str, ...] = ()
    """The profiles that this one is made of by `extends`, nearest first: "mozilla-modern 2022-07"."""
    protocol: ProtocolRule | None = None
    kex: AlgorithmRule | None = None
    group_exchange: GroupExchangeRule | None = None
    host_key: HostKeyRule | None = None
    cipher: AlgorithmRule | None = None
    mac: AlgorithmRule | None = None
    compression: AlgorithmRule | None = None
    authentication: AuthenticationRule | None = None
    explained: tuple[Explained, ...] = ()

    def algorithms(self, category: Class) -> AlgorithmRule | None:
        """The section of one class of algorithms."""
        rule: AlgorithmRule | None = getattr(self, category)
        return rule

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """Names, as "category: name", that the catalogue does not know: a slip, or private to a company."""
        unknown: list[str] = []
        categories: tuple[Class, ...] = ("kex", "host_key", "cipher", "mac", "compression")
        for category in categories:
            rule = self.algorithms(category)
            if rule is not None:
                for name in dict.fromkeys((*rule.allowed, *rule.words)):
                    if lookup(category, name) is None:
                        unknown.append(f"{category}: {name}")
        return tuple(unknown)
