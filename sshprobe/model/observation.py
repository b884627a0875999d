"""What was observed of a host. Facts alone: what the server sent and how far we got.

`None` means "not observed"; an empty list means "observed, and empty". The two are never mixed. Names follow RFC 4253.
All text that came from a server is escaped (`sshprobe.model.escape`) before it is put here.
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

RANDOM_COMMENTS = "tinyssh"
"""How the software begins whose comments are random bytes (tinysshd.c, main_tinysshd)."""


def endpoint(host: str, port: int) -> str:
    """Return "host:port", an IPv6 address in brackets: how records and reports name a host."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Identification(msgspec.Struct, frozen=True, kw_only=True):
    """The identification string (RFC 4253 section 4.2), without its line end, escaped."""

    raw: str
    """The whole line."""
    protocol: str
    """"2.0", "1.99", "1.5"."""
    software: str
    """softwareversion, the part between the protocol and the first space: "OpenSSH_9.2p1"."""
    version: str | None = None
    """The part of `software` after its first "_" or "-" that begins with a digit, if any: "9.2p1"."""
    comments: str | None = None
    """The part behind the first space: "Debian-2+deb12u3". None: there is none."""

    @property
    def lasting_comments(self) -> str | None:
        """The comments, where they say something of the server: a TinySSH makes new ones for each connection."""
        return None if self.software.startswith(RANDOM_COMMENTS) else self.comments


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate part of an OpenSSH `*-cert-v01@openssh.com` host key (PROTOCOL.certkeys)."""

    serial: int
    """The serial number that the authority gave it."""
    kind: str
    """"host", "user" or the number."""
    key_id: str
    """The identity that the authority gave it."""
    principals: list[str]
    """Host names that it is for."""
    valid_after: int
    """Seconds since 1970-01-01 UTC; 0 is "always"."""
    valid_before: int
    """Seconds since 1970-01-01 UTC; 18446744073709551615 is "forever"."""
    critical_options: list[str]
    """Names of its critical options."""
    extensions: list[str]
    """Names of its extensions."""
    ca_type: str
    """Key type of the authority: "ssh-ed25519"."""
    ca_bits: int | None
    """Size of the authority's key in bits. None: a type that we cannot decode."""
    ca_fingerprint: str
    """Fingerprint of the authority's key, as `HostKey.fingerprint`."""
    signature_algorithm: str
    """The algorithm with which the authority signed it."""
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
    """Its certificate, if the server presented one."""


class GroupExchange(msgspec.Struct, frozen=True, kw_only=True):
    """One group-exchange request (RFC 4419) and its answer. Sizes are in bits."""

    algorithm: str
    """The group-exchange method: "diffie-hellman-group-exchange-sha256"."""
    min: int
    """The smallest size that we asked for."""
    n: int
    """The size that we preferred."""
    max: int
    """The largest size that we asked for."""
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
    """Version of the record format."""
    target: str
    """What the user named."""
    host: str
    """The host name or address that `target` meant."""
    address: str | None
    """The address that was connected to. None where no name was resolved."""
    port: int
    """The TCP port."""
    labels: list[str] = []
    """The user's labels of the target, such as "env=prod": at most eight."""
    status: Status
    """How the probe of the host ended."""
    error: str | None = None
    """One line for people: what ended the conversation, where `status` is not "ok"."""
    stage: Stage = "done"
    """The last stage that the probe entered."""
    depth: Depth = "full"
    """How much the scan queried."""
    started_at: str
    """RFC 3339, UTC."""
    duration_ms: float
    """Milliseconds from the start of the probe to its end."""
    connections: int
    """TCP connections that were opened to the address."""
    lines_before_identification: list[str] = []
    """Lines that the server sent before its identification string."""
    identification: Identification | None = None
    """The identification string. None: none came."""
    kex_algorithms: list[str] | None = None
    """Key exchange methods, extension markers included."""
    server_host_key_algorithms: list[str] | None = None
    """Host key algorithms."""
    encryption_algorithms_client_to_server: list[str] | None = None
    """Ciphers from client to server."""
    encryption_algorithms_server_to_client: list[str] | None = None
    """Ciphers from server to client."""
    mac_algorithms_client_to_server: list[str] | None = None
    """MACs from client to server."""
    mac_algorithms_server_to_client: list[str] | None = None
    """MACs from server to client."""
    compression_algorithms_client_to_server: list[str] | None = None
    """Compression methods from client to server."""
    compression_algorithms_server_to_client: list[str] | None = None
    """Compression methods from server to client."""
    languages_client_to_server: list[str] | None = None
    """Language tags from client to server; nearly always empty."""
    languages_server_to_client: list[str] | None = None
    """Language tags from server to client; nearly always empty."""
    first_kex_packet_follows: bool | None = None
    """Whether the server announced a guessed key exchange packet (RFC 4253 section 7.1)."""
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
    """The banner that the server sent before login (RFC 4252 section 5.4), escaped. None: none came."""
    authentication_by_user: dict[str, UserAuthentication] | None = None
    """Answers by user, the first included. Questions about further users need a connection that is made anyway;
    without one, the user is missing here. None: no user was asked about, or the record is older than this field."""
    hassh_server: str | None = None
    """MD5 over four name-lists, for clustering (HASSH)."""
    strict_kex: bool | None = None
    """Whether the server offers strict key exchange, the countermeasure to Terrapin. None: not observed."""
    post_quantum_kex: bool | None = None
    """Whether the server offers a post-quantum key exchange. None: not observed."""
    several_servers: bool = False
    """True: connections to this address met different lists, host keys of one type, identifications (except for random
    comments) or extensions, as behind a load balancer. The lists are
    those of all of them, but others may answer there that were never met, so `compliant` is null at best. Of names that
    only later connections had and no catalogue knows, each list has 32 at most, and as many further mechanisms of
    GSS-API exchanges; `warnings` count the rest."""
    names_left_out: int = 0
    """How many names of algorithms that later connections had are not in the lists, but for further mechanisms of
    GSS-API exchanges; each counts once for each connection and list. Nobody can judge them: with any, the score is 0
    and `compliant` is never true."""
    warnings: list[str] = []
    """Oddities that change no verdict by themselves."""
