"""The observation of a host: facts alone, the server's data and the end of the probe.

`None` means "not observed", an empty list means "observed, and empty". Names follow RFC 4253. All text of a server is
escaped (`sshprobe.model.escape`).
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
"""The end of a host. `ok`: every question got an answer or a definite refusal."""

Stage = Literal["resolve", "connect", "identification", "kexinit", "key_exchange", "authentication", "done"]
"""The stages of a probe, in order."""

Depth = Literal["lists", "keys", "full"]
"""The questions of a scan: name-lists; also host keys; also group-exchange moduli and authentication methods."""

FOREVER = 2**64 - 1
"""The end of a certificate that does not expire (PROTOCOL.certkeys)."""

LONGEST_BANNER = 4096
"""The most bytes of a banner in a record."""

RANDOM_COMMENTS = "tinyssh"
"""Start of the name of software with random bytes in its comments (tinysshd.c, main_tinysshd)."""


def endpoint(host: str, port: int) -> str:
    """Return "host:port", with brackets around an IPv6 address, as in records and reports."""
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
        """The comments, unless they change with each connection, as those of TinySSH do."""
        return None if self.software.startswith(RANDOM_COMMENTS) else self.comments


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate part of an OpenSSH `*-cert-v01@openssh.com` host key (PROTOCOL.certkeys)."""

    serial: int
    """The serial number from the authority."""
    kind: str
    """"host", "user" or the number."""
    key_id: str
    """The identity from the authority."""
    principals: list[str]
    """The host names that it covers."""
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
    """Size of the authority's key in bits. None: an unknown type."""
    ca_fingerprint: str
    """Fingerprint of the authority's key, as `HostKey.fingerprint`."""
    signature_algorithm: str
    """The algorithm of the authority's signature."""
    ca_signature_verified: bool | None
    """Whether the authority's signature is right. None: sshprobe cannot verify with its key type."""


class HostKey(msgspec.Struct, frozen=True, kw_only=True):
    """One host key that the server presented in a key exchange."""

    type: str
    """The type named in the key blob: "ssh-rsa", "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"."""
    bits: int | None
    """Size in bits as `ssh-keygen -l` counts it. None: an unknown type."""
    fingerprint: str
    """"SHA256:" and unpadded base64, as OpenSSH prints it. For a certificate: the fingerprint of its key."""
    blob: str
    """The public key blob in base64."""
    signature_verified: bool | None
    """True: the server proved that it holds the key. False: its proof was wrong, or the key is of another type than
    negotiated. None: the proof could not be checked."""
    signature_algorithm: str
    """The algorithm of the signature, "rsa-sha2-512", or the negotiated one after a refused signature."""
    kex_algorithm: str
    """The key exchange that showed the key."""
    certificate: Certificate | None = None
    """Its certificate, if the server presented one."""


class GroupExchange(msgspec.Struct, frozen=True, kw_only=True):
    """One group-exchange request (RFC 4419) and its answer. Sizes are in bits."""

    algorithm: str
    """The group-exchange method: "diffie-hellman-group-exchange-sha256"."""
    min: int
    """The smallest size in the request."""
    n: int
    """The preferred size in the request."""
    max: int
    """The largest size in the request."""
    modulus_bits: int | None
    """Bits of the prime. None: the server sent no group, or an unusable one, and a warning says why."""
    refused: bool
    """True: the server sent no group: it objected, closed the connection, or time ran out."""
    modulus: str | None = None
    """The prime in upper-case hex, as in moduli(5). None: the server sent no group, or one above 8192 bits."""
    generator: str | None = None
    """The generator in hex. None: the server sent no group, or a generator above 8192 bits."""


class UserAuthentication(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the one "none" request for a user (RFC 4252 section 5.2)."""

    methods: list[str] | None
    """The methods in the answer. None: there was no answer."""
    none_accepted: bool | None
    """True: "none" logged the user in. None: there was no answer."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was seen of one host: one address and port.

    Name-lists have the names in the server's order, escaped. All are None without a KEXINIT from the server.
    """

    schema: str = SCHEMA
    """Version of the record format."""
    target: str
    """The target as the user named it."""
    host: str
    """The host name or address in `target`."""
    address: str | None
    """The address of the connections. None: the name was not resolved."""
    port: int
    """The TCP port."""
    labels: list[str] = []
    """The user's labels of the target, such as "env=prod": at most eight."""
    status: Status
    """The end of the probe."""
    error: str | None = None
    """One line on the end of the probe, if `status` is not "ok"."""
    stage: Stage = "done"
    """The last stage of the probe."""
    depth: Depth = "full"
    """The questions of the scan."""
    started_at: str
    """RFC 3339, UTC."""
    duration_ms: float
    """Milliseconds from the start of the probe to its end."""
    connections: int
    """TCP connections to the address."""
    lines_before_identification: list[str] = []
    """Lines before the identification string."""
    identification: Identification | None = None
    """The identification string. None: the server sent none."""
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
    """Host keys. None: not requested (depth "lists") or not reached."""
    group_exchange: list[GroupExchange] | None = None
    """Requests for groups. None: there were none. Empty: the server offers no group exchange."""
    extensions: dict[str, str] | None = None
    """EXT_INFO (RFC 8308), names and values, escaped: "server-sig-algs". None: not observed."""
    authentication_user: str | None = None
    """The first user name in a request for methods."""
    authentication_methods: list[str] | None = None
    """The methods after a "none" request for the first user. None: no request, or no answer."""
    authentication_none_accepted: bool | None = None
    """True: "none" logged the first user in. The scan closed the connection at once."""
    authentication_banner: str | None = None
    """The banner before login (RFC 4252 section 5.4), escaped. None: the server sent none."""
    authentication_by_user: dict[str, UserAuthentication] | None = None
    """Answers by user, the first included. Questions about further users need a connection that is made anyway;
    without one, the user is missing here. None: no user was asked about, or the record is older than this field."""
    hassh_server: str | None = None
    """MD5 over four name-lists, for clustering (HASSH)."""
    strict_kex: bool | None = None
    """Whether the server offers strict key exchange, the defence against Terrapin. None: not observed."""
    post_quantum_kex: bool | None = None
    """Whether the server offers a post-quantum key exchange. None: not observed."""
    several_servers: bool = False
    """True: connections to this address met different lists, host keys of one type, identifications (except for random
    comments) or extensions, as behind a load balancer. The lists are
    those of all of them, but others may answer there that were never met, so `compliant` is null at best. Of names that
    only later connections had and no catalogue knows, each list has 32 at most, and as many further mechanisms of
    GSS-API exchanges; `warnings` count the rest."""
    names_left_out: int = 0
    """Number of algorithm names of later connections that are not in the lists, without GSS-API mechanisms, counted
    once per connection and list. Nobody can judge them: with any, the score is 0 and `compliant` is never true."""
    warnings: list[str] = []
    """Oddities that change no verdict by themselves."""
