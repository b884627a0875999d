"""The types of a profile: what one edition of one document recommends, as far as a server shows it.

Each section names the place in the document (`where`) and, in the built-in profiles, the numbers of the
recommendations it checks (`covers`). A section that is absent demands nothing.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Literal

import msgspec

from sshprobe.algorithms import AlgorithmType, lookup
from sshprobe.model.errors import InputError
from sshprobe.model.verdict import Severity

WORDS = ("MUST", "SHOULD+", "SHOULD", "SHOULD-", "MAY", "SHOULD NOT", "MUST NOT")
"""The words of RFC 2119 as RFC 8247 and RFC 9142 use them, strongest recommendation first."""

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
"""Authentication methods that have an RFC: 4252, 4256 and 4462."""

DEFAULT_PROFILE = "sshprobe-2026"
"""What hosts are graded against where no profile is named."""

NOT_VERIFIED = "not verified"
"""Follows a place that was not checked in the document itself."""

Why = Literal["login", "client", "intrusive", "obsolete", "error", "level"]

Requirement = Literal["post-quantum", "strict-kex", "no-terrapin"]
"""What a profile can ask of a server's list of key exchanges as a whole."""


class AlgorithmRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class of algorithms: `[cipher]`, `[mac]`, `[compression]`, and more of it in `[kex]` and `[host_key]`."""

    where: str
    places: dict[str, str] = {}
    """Name to the place of that very entry, where the document has one nearer than `where`."""
    covers: tuple[str, ...] = ()
    unverified: str = ""
    """What of this section was not checked against the document itself."""
    allowed: tuple[str, ...] = ()
    """Names as on the wire; an alias stands for its algorithm, "gss-group16-sha512-*" for every mechanism."""
    others: Literal["as-strong", "allowed", "forbidden"] = "as-strong"
    """What the section does not name passes if it is as strong, or always (a document that only forbids), or never."""
    recommended: tuple[str, ...] = ()
    """Those of `allowed` whose absence is worth a note."""
    dated: tuple[str, ...] = ()
    """Names that pass today but should go: a finding of low severity, or their weakness's, and not a deviation."""
    words: dict[str, str] = {}
    """Name to one of `WORDS`. A forbidding word is a deviation that cites it; any other allows the name."""


class KexRule(AlgorithmRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[kex]`: key exchange methods, and what their list must have."""

    require: tuple[Requirement, ...] = ()
    """"post-quantum": a hybrid of ML-KEM or sntrup761. "strict-kex": strict key exchange. "no-terrapin": strict key
    exchange where a cipher is offered that needs it (CVE-2023-48795)."""


class MinimumBits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Least sizes of host keys in bits, for the types whose size is free."""

    rsa: int | None = None
    dsa: int | None = None
    where: str | None = None
    """Where the sizes are from, if that is not the section's `where`: findings about a size cite it."""


class ExactBits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sizes of host keys in bits that a document names, where it allows no other."""

    rsa: tuple[int, ...] = ()
    where: str | None = None
    """Where the sizes are from, if that is not the section's `where`."""


class HostKeyRule(AlgorithmRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[host_key]`: signature algorithms, and the sizes of keys."""

    min_bits: MinimumBits = MinimumBits()
    """Less is a deviation."""
    advised_bits: MinimumBits = MinimumBits()
    """Less is a low finding and no deviation: what a document does not ask, or does not ask yet."""
    exact_bits: ExactBits = ExactBits()
    """Any other size is a deviation."""


class GroupExchangeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[group_exchange]`: the least modulus in bits, where the server offers a group exchange."""

    where: str
    covers: tuple[str, ...] = ()
    unverified: str = ""
    min_bits: int
    """Less is a deviation."""
    advised_bits: int | None = None
    """Less is a low finding and no deviation."""

    @property
    def wanted_bits(self) -> int:
        """The larger of the two: moduli of that size give no finding."""
        return max(self.min_bits, self.advised_bits or 0)


class ProtocolRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[protocol]`: versions of the identification string, "2.0"."""

    where: str
    covers: tuple[str, ...] = ()
    unverified: str = ""
    allowed: tuple[str, ...]


class AuthenticationRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[authentication]`: methods that a server may list after a "none" request (RFC 4252 section 5.2)."""

    where: str
    covers: tuple[str, ...] = ()
    unverified: str = ""
    allowed: tuple[str, ...] = ()
    """Empty: all but `forbidden`."""
    forbidden: tuple[str, ...] = ()
    """What a document that names no others forbids."""
    require: tuple[str, ...] = ()
    """Methods that have to be listed. One that is not may be a later step of a chain: then it was not observed."""
    recommended: tuple[str, ...] = ()
    chain: str = ""
    """The chain of methods that the document itself writes: "publickey,password". A server lists its first step alone,
    so it is for advice and never judged."""

    @property
    def passing(self) -> tuple[str, ...]:
        """The methods that pass: `allowed`, or of those that have an RFC all but `forbidden`."""
        return self.allowed or tuple(method for method in METHODS if method not in self.forbidden)


class BannerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[banner]`: the text that a server sends before login (SSH_MSG_USERAUTH_BANNER, RFC 4252 section 5.4)."""

    where: str
    covers: tuple[str, ...] = ()
    unverified: str = ""
    sent: bool
    """True: there has to be one. False: there must be none."""
    file: str = "/etc/issue.net"
    """The file that the document names, for advice: `Banner /etc/issue.net`."""
    any_of: tuple[str, ...] = ()
    """Texts; it must have one of them. Runs of white space count as one blank, and case counts."""
    without: tuple[str, ...] = ()
    """What it must not hold: "\\m" anywhere, "debian" as a word. Case does not count."""


class UserKeyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[user_key]`: what the server lets keys of users sign with ("server-sig-algs", RFC 8308 section 3.1).

    Of OpenSSH before 9.6 it was not observed: it lists all that it was compiled with, whatever it accepts.
    """

    where: str
    covers: tuple[str, ...] = ()
    unverified: str = ""
    allowed: tuple[str, ...] = ()
    """A closed list: any other is a deviation, and not to have seen the list leaves the verdict open."""
    forbidden: tuple[str, ...] = ()
    """What must not be in the list where it is seen, of a document that names no others."""


Rule = AlgorithmRule | GroupExchangeRule | ProtocolRule | AuthenticationRule | BannerRule | UserKeyRule


class Explained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recommendation that a scan cannot check, and why."""

    id: str
    recommendation: str
    where: str
    why: Why
    """"login": needs a login or the host's files. "client": about clients or people. "intrusive": the check
    would harm. "obsolete": without effect today. "error": a mistake in the document. "level": asked by another level
    of the document."""
    explanation: str


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[waiver]]`: a finding that is accepted on some hosts, for a reason, until a day."""

    finding: str
    """Id, "mac.unlisted"."""
    algorithm: str | None = None
    """The one that it is about, by any of its names. None: whichever."""
    hosts: tuple[str, ...]
    """See `host_patterns`."""
    reason: str
    until: datetime.date
    """The last day on which it holds, in UTC."""
    severity: Severity = "high"
    """The worst that it covers: what grew worse since is no longer what was accepted."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One edition of a document of recommendations."""

    id: str
    kind: Literal["server", "client"] = "server"
    """Whom the document is about. A scan sees servers, so only their profiles can be graded against."""
    title: str
    version: str
    """The edition."""
    date: str
    """Of the edition: "2022", "2022-07" or "2022-07-14"."""
    source: str
    extends: tuple[str, ...] = ()
    """The profiles that this one is made of by `extends`, nearest first: "mozilla-modern 2022-07"."""
    verified: str = ""
    """What the entries were checked against, and when."""
    unverified: str = ""
    """What was not checked against the document itself, for the whole profile."""
    protocol: ProtocolRule | None = None
    kex: KexRule | None = None
    group_exchange: GroupExchangeRule | None = None
    host_key: HostKeyRule | None = None
    cipher: AlgorithmRule | None = None
    mac: AlgorithmRule | None = None
    compression: AlgorithmRule | None = None
    authentication: AuthenticationRule | None = None
    banner: BannerRule | None = None
    user_key: UserKeyRule | None = None
    explained: tuple[Explained, ...] = ()
    waiver: tuple[Waiver, ...] = ()

    def algorithms(self, category: AlgorithmType) -> AlgorithmRule | None:
        """The section of one class of algorithms."""
        rule: AlgorithmRule | None = getattr(self, category)
        return rule

    def cite(self, rule: Rule, name: str = "", *, where: str = "") -> str:
        """The place that a finding about `name` cites; it says so where that was not checked in the document."""
        place = where or (rule.places.get(name, rule.where) if isinstance(rule, AlgorithmRule) else rule.where)
        return f"{place} [{NOT_VERIFIED}]" if rule.unverified or self.unverified else place

    @property
    def not_verified(self) -> str:
        """All that was not checked against the document, in one line. Empty: nothing."""
        rules = {name: getattr(self, name) for name in SECTIONS}
        sections = [f"[{name}]: {rule.unverified}" for name, rule in rules.items() if rule and rule.unverified]
        return "; ".join(filter(None, (self.unverified, *sections)))

    @property
    def digest(self) -> str:
        """SHA-256 in hex of all that it says, with what it `extends`. Comments and the order of keys do not count."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    def need_server(self) -> None:
        """Raise `InputError` for a profile of clients, against which no server can be graded."""
        if self.kind == "client":
            raise InputError(
                f"profile `{self.id}` says what a client should offer, and a scan sees servers: "
                f"`sshprobe profiles show {self.id}` prints it"
            )

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """Names, as "category: name", that the catalogue does not know: a slip, or private to a company."""
        unknown: list[str] = []
        categories: tuple[AlgorithmType, ...] = ("kex", "host_key", "cipher", "mac", "compression")
        for category in categories:
            rule = self.algorithms(category)
            if rule is not None:
                for name in dict.fromkeys((*rule.allowed, *rule.dated, *rule.words)):
                    if lookup(category, name) is None:
                        unknown.append(f"{category}: {name}")
        return tuple(unknown)
