"""The sections of a profile, one type for each subject, such as `[kex]` or `[banner]`.

Each names its place in the document (`where`) and, in built-in profiles, the numbers of its recommendations (`covers`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sshprobe.algorithms import AlgorithmType, canonical

WORDS = ("MUST", "SHOULD+", "SHOULD", "SHOULD-", "MAY", "SHOULD NOT", "MUST NOT")
"""The words of RFC 2119 as in RFC 8247 and RFC 9142, strongest recommendation first."""

FORBIDDING_WORDS = ("SHOULD NOT", "MUST NOT")

SECTIONS = (
    "protocol",
    "kex",
    "group_exchange",
    "host_key",
    "cipher",
    "mac",
    "compression",
    "authentication",
    "banner",
    "user_key",
)

METHODS = ("publickey", "password", "hostbased", "keyboard-interactive", "gssapi-with-mic", "gssapi-keyex")
"""Authentication methods with an RFC: 4252, 4256 and 4462."""

Requirement = Literal["post-quantum", "strict-kex", "no-terrapin"]
"""Requirements for the whole list of key exchanges."""


class AlgorithmRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One type of algorithms: `[cipher]`, `[mac]`, `[compression]`, and with more fields `[kex]` and `[host_key]`."""

    where: str
    places: dict[str, str] = {}
    """Name to a place in the document that is more exact than `where`."""
    covers: tuple[str, ...] = ()
    unverified: str = ""
    """The parts of this section that were not checked against the document itself."""
    allowed: tuple[str, ...] = ()
    """Names as on the wire. An alias stands for its algorithm, "gss-group16-sha512-*" for every mechanism."""
    others: Literal["as-strong", "allowed", "forbidden"] = "as-strong"
    """Whether other algorithms pass: if they are as strong, always (a document that only forbids), or never."""
    recommended: tuple[str, ...] = ()
    """Names of `allowed` whose absence is a note."""
    dated: tuple[str, ...] = ()
    """Names that pass today but should be removed: a finding of low severity, or of their weakness, not a deviation."""
    words: dict[str, str] = {}
    """Name to one of `WORDS`. A name with a forbidding word is a deviation. Any other word allows the name."""

    def forbidden(self, category: AlgorithmType) -> set[str]:
        """Return the canonical names with a forbidding word. `category`: the type of this section."""
        return {canonical(category, name) for name, word in self.words.items() if word in FORBIDDING_WORDS}


class KexRule(AlgorithmRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[kex]`: key exchange methods, and requirements for their list."""

    require: tuple[Requirement, ...] = ()
    """"post-quantum": a hybrid of ML-KEM or sntrup761. "strict-kex": strict key exchange. "no-terrapin": strict key
    exchange if a cipher on offer needs it (CVE-2023-48795)."""


class MinimumBits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Smallest sizes of host keys in bits, for types with a free size."""

    rsa: int | None = None
    dsa: int | None = None
    where: str | None = None
    """The place of the sizes, if it is not the section's `where`, for findings about a size."""


class ExactBits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The only allowed sizes of host keys in bits."""

    rsa: tuple[int, ...] = ()
    where: str | None = None
    """The place of the sizes, if it is not the section's `where`."""


class HostKeyRule(AlgorithmRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[host_key]`: signature algorithms, and the sizes of keys."""

    min_bits: MinimumBits = MinimumBits()
    """Less is a deviation."""
    advised_bits: MinimumBits = MinimumBits()
    """Less is a low finding and not a deviation: the document does not require it, or not yet."""
    exact_bits: ExactBits = ExactBits()
    """Any other size is a deviation."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of all sections but those of algorithms, whose order `Profile.digest` keeps."""

    where: str
    covers: tuple[str, ...] = ()
    unverified: str = ""


class GroupExchangeRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[group_exchange]`: the smallest modulus in bits, if the server offers a group exchange."""

    min_bits: int
    """Less is a deviation."""
    advised_bits: int | None = None
    """Less is a low finding and not a deviation."""

    @property
    def wanted_bits(self) -> int:
        """The larger of the two: moduli of this size cause no finding."""
        return max(self.min_bits, self.advised_bits or 0)


class ProtocolRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[protocol]`: versions of the identification string, "2.0"."""

    allowed: tuple[str, ...]


class NamesRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section with a list of names that pass, or that do not pass."""

    allowed: tuple[str, ...] = ()
    """A closed list. Empty: all except `forbidden`."""
    forbidden: tuple[str, ...] = ()
    """For a document that allows all others."""

    def passes(self, name: str) -> bool:
        """Return whether a server may have this name."""
        return name in self.allowed if self.allowed else name not in self.forbidden


class AuthenticationRule(NamesRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[authentication]`: methods that a server may list after a "none" request (RFC 4252 section 5.2)."""

    require: tuple[str, ...] = ()
    """Methods that must be listed. A missing one may be a later step of a chain, so it counts as not observed."""
    recommended: tuple[str, ...] = ()
    chain: str = ""
    """The chain of methods in the document: "publickey,password". A server lists only its first step, so it is advice
    and is not judged."""

    @property
    def passing(self) -> tuple[str, ...]:
        """The methods that pass: `allowed`, or all methods with an RFC except `forbidden`."""
        return self.allowed or tuple(method for method in METHODS if method not in self.forbidden)


class BannerRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[banner]`: the text that a server sends before login (SSH_MSG_USERAUTH_BANNER, RFC 4252 section 5.4)."""

    sent: bool
    """True: it is required. False: it is forbidden."""
    file: str = "/etc/issue.net"
    """The file in the document, for advice: `Banner /etc/issue.net`."""
    any_of: tuple[str, ...] = ()
    """Texts; it must have one of them. Runs of white space count as one blank, and case counts."""
    without: tuple[str, ...] = ()
    """Texts that it must not contain: "\\m" anywhere, "debian" as a word. Case does not count."""


class UserKeyRule(NamesRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[user_key]`: accepted signature algorithms of users' keys ("server-sig-algs", RFC 8308 section 3.1).

    The list of OpenSSH before 9.6 counts as not observed: it has everything that it was compiled with. Without an
    observed list the verdict of a closed list is open.
    """


Rule = AlgorithmRule | Section
