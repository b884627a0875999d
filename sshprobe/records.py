"""The records: what was observed of a host, what a profile says of it, and the lines of a sweep.

Rules:

1. An `Observation` holds facts only: what the server sent and how far we got. `None` means "not observed";
   an empty list means "observed, and empty". The two are never mixed.
2. A `HostRecord` is an observation plus the verdicts passed on it. It can be graded again from itself.
3. Names follow RFC 4253. Fields are only ever added within a major version of `SCHEMA`.
4. All text that came from a server is escaped (`sshprobe.escape`) before it is put here.

All types are frozen `msgspec.Struct`s: `msgspec.json.encode` writes them, `msgspec.json.decode` validates.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = "1.0"
"""Version of the record format, "major.minor"."""

Status = Literal[
    "ok",
    "partial",
    "refused",
    "unreachable",
    "timeout",
    "reset",
    "dns_error",
    "not_ssh",
    "ssh1_only",
    "throttled",
    "protocol_error",
    "excluded",
]
"""How a host ended. `ok`: every question got an answer or a definite refusal."""

Stage = Literal["resolve", "connect", "identification", "kexinit", "key_exchange", "authentication", "done"]
"""The last stage that was entered, in the order in which they come."""

Depth = Literal["lists", "keys", "full"]
"""How much was asked: the name-lists; and host keys; and group-exchange moduli and authentication methods."""

Severity = Literal["critical", "high", "medium", "low", "note"]
"""How much a finding matters. A note costs nothing."""

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "note")
"""All severities, worst first."""

Grade = Literal["A+", "A", "B", "C", "D", "F"]

FLEET_FINDINGS = ("host_key.factored", "host_key.known", "host_key.shared", "host_key.shared_prime")
"""What other hosts, a list of keys or a test of all distinct keys decide: in `HostRecord.fleet_findings` alone."""

GRADES: tuple[Grade, ...] = ("A+", "A", "B", "C", "D", "F")
"""All letters, best first."""

Category = Literal[
    "protocol", "kex", "group_exchange", "host_key", "cipher", "mac", "compression", "authentication", "profile"
]
"""What a finding is about. "profile": the profile itself, such as a waiver that ran out."""


RANDOM_COMMENTS = "tinyssh"
"""How the software begins whose comments are random bytes (tinysshd.c, main_tinysshd)."""


def endpoint(host: str, port: int) -> str:
    """Return "host:port", an IPv6 address in brackets: how records and reports name a host."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Identification(msgspec.Struct, frozen=True, kw_only=True):
    """The identification string (RFC 4253 section 4.2), without its line end, escaped."""

    raw: str
    protocol: str
    """"2.0", "1.99", "1.5"."""
    software: str
    version: str | None = None
    """The part of `software` after its first "_" or "-" that begins with a digit, if any: "9.2p1"."""
    comments: str | None = None

    @property
    def lasting_comments(self) -> str | None:
        """The comments, where they say something of the server: a TinySSH makes new ones for each connection."""
        return None if self.software.startswith(RANDOM_COMMENTS) else self.comments


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate part of an OpenSSH `*-cert-v01@openssh.com` host key (PROTOCOL.certkeys)."""

    serial: int
    kind: str
    """"host", "user" or the number."""
    key_id: str
    principals: list[str]
    valid_after: int
    """Seconds since 1970-01-01 UTC; 0 is "always"."""
    valid_before: int
    """Seconds since 1970-01-01 UTC; 18446744073709551615 is "forever"."""
    critical_options: list[str]
    extensions: list[str]
    ca_type: str
    ca_bits: int | None
    ca_fingerprint: str
    signature_algorithm: str
    ca_signature_verified: bool | None
    """None where the CA's key type is one we cannot verify with."""


class HostKey(msgspec.Struct, frozen=True, kw_only=True):
    """One host key that the server presented in a key exchange."""

    type: str
    """The type named in the key blob: "ssh-rsa", "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"."""
    bits: int | None
    """Size in bits as `ssh-keygen -l` counts it; None for a type that we cannot decode."""
    fingerprint: str
    """"SHA256:" and unpadded base64, as OpenSSH prints it. Of a certificate: of the key inside it."""
    blob: str
    """The public key blob in base64."""
    signature_verified: bool | None
    """True: the server proved that it holds the key. False: its proof was wrong, or it is of another
    type than was negotiated. None: could not be checked."""
    signature_algorithm: str
    """The name the server signed with: "rsa-sha2-512". Of a refused signature: the name that was negotiated."""
    kex_algorithm: str
    """The key exchange in which the key was seen."""
    certificate: Certificate | None = None


class GroupExchange(msgspec.Struct, frozen=True, kw_only=True):
    """One group-exchange request (RFC 4419) and what came back. Sizes are in bits."""

    algorithm: str
    min: int
    n: int
    max: int
    modulus_bits: int | None
    """Bits of the prime sent. None: no group came, or none that can be used: a warning says why."""
    refused: bool
    """True: no group came: the server objected, the connection was closed, or time ran out."""
    modulus: str | None = None
    """The prime sent, in upper-case hex as moduli(5) writes it. None: no group came, or one above 8192 bits."""
    generator: str | None = None
    """The generator sent, in hex. None: no group came, or it has more than 8192 bits."""


class UserAuthentication(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered to the one "none" request for a user (RFC 4252 section 5.2)."""

    methods: list[str] | None
    """The methods that it lists. None: no answer came."""
    none_accepted: bool | None
    """True: "none" logged us in. None: no answer came."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything seen of one host: one address and port.

    Name-lists hold the names in the server's order, escaped. All are None until the server's KEXINIT was read.
    """

    schema: str = SCHEMA
    target: str
    """What the user named."""
    host: str
    """The host name or address that `target` meant."""
    address: str | None
    """The address that was connected to. None where no name was resolved."""
    port: int
    status: Status
    error: str | None = None
    """One line for people: what ended the conversation, where `status` is not "ok"."""
    stage: Stage = "done"
    depth: Depth = "full"
    started_at: str
    """RFC 3339, UTC."""
    duration_ms: float
    connections: int
    """TCP connections that were opened to the address."""
    lines_before_identification: list[str] = []
    identification: Identification | None = None
    kex_algorithms: list[str] | None = None
    server_host_key_algorithms: list[str] | None = None
    encryption_algorithms_client_to_server: list[str] | None = None
    encryption_algorithms_server_to_client: list[str] | None = None
    mac_algorithms_client_to_server: list[str] | None = None
    mac_algorithms_server_to_client: list[str] | None = None
    compression_algorithms_client_to_server: list[str] | None = None
    compression_algorithms_server_to_client: list[str] | None = None
    languages_client_to_server: list[str] | None = None
    languages_server_to_client: list[str] | None = None
    first_kex_packet_follows: bool | None = None
    host_keys: list[HostKey] | None = None
    """None: not asked for (depth "lists") or never reached."""
    group_exchange: list[GroupExchange] | None = None
    """None: not asked. Empty: the server offers no group exchange."""
    extensions: dict[str, str] | None = None
    """EXT_INFO (RFC 8308), names and values, escaped: "server-sig-algs". None: not observed."""
    authentication_user: str | None = None
    """The first user name for whom the methods were asked."""
    authentication_methods: list[str] | None = None
    """What the server lists after a "none" request of the first user. None: not asked or not answered."""
    authentication_none_accepted: bool | None = None
    """True: "none" logged the first user in. The connection was closed at once."""
    authentication_banner: str | None = None
    authentication_by_user: dict[str, UserAuthentication] | None = None
    """User to answer, the first user's too. Users after the first are asked about on connections that are made anyway:
    who is not here was not asked about, as there was none. None: nobody was, or the record is of before this field."""
    hassh_server: str | None = None
    """MD5 over four name-lists, for clustering (HASSH)."""
    strict_kex: bool | None = None
    post_quantum_kex: bool | None = None
    several_servers: bool = False
    """True: connections to this address met different lists, host keys of one type, identifications (but for comments
    that are made anew each time) or extensions, as behind a load balancer. The lists are
    those of all of them, but others may answer there that were never met, so `compliant` is null at best. Of names that
    only later connections had and no catalogue knows, each list has 32 at most, and as many further mechanisms of
    GSS-API exchanges; `warnings` count the rest."""
    names_left_out: int = 0
    """How many names of algorithms that later connections had are not in the lists, but for further mechanisms of
    GSS-API exchanges; each counts once for each connection and list. Nobody can judge them: with any, the score is 0
    and `compliant` is never true."""
    warnings: list[str] = []
    """Oddities that change no verdict by themselves."""


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a finding does to the score: points taken off, a cap on the result, or neither."""

    points: int = 0
    cap: int | None = None


class Waived(msgspec.Struct, frozen=True, kw_only=True):
    """Why a finding costs nothing: the waiver in the profile that covers it, and what it would cost."""

    reason: str
    until: str
    """The last day on which it holds, in UTC: "2027-01-31"."""
    hosts: str
    """The pattern of the waiver that the host matches: "10.1.*"."""
    effect: Effect
    """What the finding would do to the score by itself."""
    deviation: bool
    """Whether it would make `compliant` false."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference that matters. One per algorithm."""

    id: str
    """Stable, "category.reason": "kex.weak". `sshprobe explain ID` says more."""
    severity: Severity
    category: Category
    algorithm: str | None
    """The algorithm, key type or method that it is about, if it is about one."""
    message: str
    expected: str
    observed: str
    effect: Effect
    """Points are counted once for each category and weakness: the first finding has them, further ones have none."""
    remediation: str | None
    references: list[str]
    deviation: bool
    """True: this differs from the profile, and alone makes `compliant` false."""
    waived: Waived | None = None
    """Not None: a waiver of the profile covers it. Then it has no effect and is no deviation."""
    hint: bool = False
    """True: follows from what the server says of itself, and no byte proves it. Costs nothing, ever."""
    weaknesses: list[str] = []
    """Codes of what is weak whatever a profile says, such as "sha1" or "sweet32", that which gives the severity first.
    Empty: it only differs from the profile, or is a hint. `docs/grading.md` lists all codes."""

    @property
    def counts(self) -> bool:
        """Whether it is more than a note and not waived."""
        return self.severity != "note" and self.waived is None


class CategoryScore(msgspec.Struct, frozen=True, kw_only=True):
    """One category alone: 100 less the points of its findings, at least 0."""

    score: int
    findings: int
    """Findings above "note" that are not waived."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """All that one profile says of one observation."""

    profile: str
    profile_version: str
    compliant: bool | None
    """None: nothing differs, but something that the profile needs was not observed."""
    not_observed: list[str]
    """What the profile needs and was not observed, in words."""
    raw_score: int
    """100 less all points, at least 0; before the cap."""
    cap: int | None
    """The lowest cap of any finding."""
    cap_reasons: list[str]
    """Ids of the findings that set `cap`, with their algorithm: "kex.weak diffie-hellman-group1-sha1"."""
    score: int
    """The smaller of `raw_score` and `cap`."""
    grade: Grade
    categories: dict[str, CategoryScore]
    findings: list[Finding]
    """Worst first, then by category and algorithm."""
    authentication_users: list[str] = []
    """The users whose authentication methods were seen: others may log in otherwise."""
    waived: int = 0
    """How many of `findings` are waived: with any, `compliant` true means compliant with waivers."""
    grade_is_partial: bool = False
    """True: not everything was seen that can cost points, so `score` and `grade` may be too good. Reports write "A+?".
    False too in records of before this field."""


class HostRecord(Observation, frozen=True, kw_only=True, tag="host", tag_field="type"):
    """A line of a sweep: the observation of one host and the verdicts on it."""

    verdicts: list[Verdict] = []
    fleet_findings: list[Finding] = []
    """What the keys of other hosts say of this one: a shared or listed key, a shared prime. One of each id at most,
    worst first. They stand beside the verdicts and never change score, grade or compliance. A scan writes none, as it
    knows them at its end only (`SummaryRecord.fleet_findings`); `sshprobe grade` does."""


class ProfileReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile that a sweep was graded against."""

    id: str
    version: str
    extends: list[str] = []
    """The profiles that it is made of by `extends`, nearest first: "mozilla-modern 2022-07"."""
    unverified: str = ""
    """What of the profile was not checked against the document that it is of. Left out where all was."""
    digest: str = ""
    """SHA-256 in hex of all that the profile said (`Profile.digest`). Left out in records of before this field."""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a sweep had targets from."""

    name: str
    """As the user named it; "-" is standard input."""
    digest: str | None
    """SHA-256 of its bytes in hex. None: it can be read only once, as standard input."""


class SweepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What of the options of a sweep changes its records: `scan --resume FILE` goes on with it. It names no output."""

    targets: list[str]
    """Words of the command line."""
    files: list[SourceFile]
    inventories: list[SourceFile]
    inventory_format: str | None
    records: list[SourceFile]
    statuses: list[str]
    grades: list[str]
    ports: list[int]
    exclude: list[str]
    exclude_files: list[SourceFile]
    profiles: list[str]
    """Ids or files, as the user named them. Their texts are those of `SweepRecord.profiles`."""
    depth: Depth
    auth_methods: bool
    auth_users: list[str]
    client_id: str | None
    family: int | None
    """4 or 6: only addresses of that family. None: both."""
    all_addresses: bool


class SweepRecord(msgspec.Struct, frozen=True, kw_only=True, tag="sweep", tag_field="type"):
    """The first line of a sweep."""

    schema: str = SCHEMA
    tool: str
    """"sshprobe 0.1.0"."""
    arguments: list[str]
    profiles: list[ProfileReference]
    started_at: str
    seed: int | None = None
    """What the order of the hosts was drawn from: `--seed` with it and the same targets gives the same order."""
    strict: bool | None = None
    """Whether `--strict` held for the verdicts. None: in records of before this field."""
    settings: SweepSettings | None = None
    """None: in records of before this field."""


class SharedKey(msgspec.Struct, frozen=True, kw_only=True):
    """One host key seen on more than one address."""

    fingerprint: str
    type: str
    hosts: list[str]
    """"address:port", sorted."""
    agree: bool | None = None
    """True: the hosts agree in all that was seen of two of them: identification, name-lists, extensions, keys, sizes of
    groups, authentication methods. They are one machine under several addresses, or clones of one image. False:
    they differ, so they are several machines.
    None: in records of before this field."""


class SharedPrime(msgspec.Struct, frozen=True, kw_only=True):
    """A prime that the moduli of two or more RSA host keys have in common: all their private keys are known."""

    bits: int
    fingerprints: list[str]
    """The keys, sorted."""
    hosts: list[str]
    """"address:port" of all that have one of them, sorted."""


class WeakKey(msgspec.Struct, frozen=True, kw_only=True):
    """A host key that is weak by itself."""

    fingerprint: str
    type: str
    bits: int | None
    findings: list[str]
    """Ids of findings, sorted: "host_key.roca"."""
    hosts: list[str]
    """"address:port", sorted."""


class FleetReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the host keys of many hosts say together. Keys whose signature was wrong are left out."""

    shared_host_keys: list[SharedKey]
    shared_primes: list[SharedPrime] | None
    """None: not looked for."""
    weak_keys: list[WeakKey]
    known_keys_checked: bool
    """Whether the keys were looked up in a list of keys whose private half is known."""
    moduli_tested: bool = False
    """Whether each RSA modulus was tested for being prime or easy to factor."""


class WaivedCount(msgspec.Struct, frozen=True, kw_only=True):
    """What waivers did in a sweep, under one profile."""

    findings: int
    """Findings that were waived."""
    hosts: int
    """Hosts that have any."""
    compliant: int
    """Those of them whose `compliant` is true: without the waivers some would not be."""


class SummaryRecord(msgspec.Struct, frozen=True, kw_only=True, tag="summary", tag_field="type"):
    """The last line of a sweep."""

    schema: str = SCHEMA
    hosts: int
    statuses: dict[str, int]
    grades: dict[str, dict[str, int]]
    """Profile id to letter to hosts."""
    compliant: dict[str, dict[str, int]]
    """Profile id to "true", "false", "null" to hosts."""
    shared_host_keys: list[SharedKey]
    connections: int
    duration_ms: float
    interrupted: bool = False
    shared_primes: list[SharedPrime] | None = None
    """None: not looked for."""
    weak_keys: dict[str, int] | None = None
    """Id of a finding, such as "host_key.roca", to distinct host keys. None: not looked for."""
    known_keys_checked: bool = False
    """Whether the keys were looked up in a list of keys whose private half is known (`--weak-keys`)."""
    moduli_tested: bool = False
    """Whether each RSA modulus was tested for being prime or easy to factor."""
    fleet_findings: dict[str, int] = {}
    """Id of a finding across the fleet, such as "host_key.shared", to hosts for which it is more than a note. A host
    counts once, however many of its keys are meant."""
    waived: dict[str, WaivedCount] = {}
    """Profile id to what its waivers did. Profiles under which nothing was waived are left out."""


Record = SweepRecord | HostRecord | SummaryRecord
"""Any line of the native format (`--format jsonl`)."""


class SweepDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The same as one document (`--format json`)."""

    sweep: SweepRecord
    hosts: list[HostRecord]
    summary: SummaryRecord
