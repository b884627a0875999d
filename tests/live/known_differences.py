"""Where peers see something else of a server than we do, and why. `docs/peers.md` has each row of this as it is."""

from __future__ import annotations

from typing import NamedTuple

from tests.live.peers import Kind

STOCK = "OpenSSH 9.2"
CERTIFICATES = "OpenSSH 9.2, certificates"
STOCK_10 = "OpenSSH 10"
DROPBEAR = "Dropbear"
TINYSSH = "TinySSH"
ASYNCSSH = "asyncssh"
HARDENED = "asyncssh, hardened"
SMALL_KEY = "asyncssh, small key"
PARAMIKO = "paramiko"


class Known(NamedTuple):
    """One difference. It is expected of each of `servers`, and of no other."""

    peer: str
    field: str
    kind: Kind
    servers: tuple[str, ...]
    reason: str

    def row(self) -> str:
        """As a line of the table in docs/peers.md."""
        return f"| {self.peer} | `{self.field}` | {self.kind} | {'; '.join(self.servers)} | {self.reason} |"


DIFFERENCES = (
    Known(
        "ssh-audit",
        "group_exchange",
        "other",
        (STOCK, CERTIFICATES),
        "It takes a 2048-bit answer of OpenSSH up to 9.9 for the built-in group, asks for (2048, 3072, 4096) and shows "
        "those 3072 bits. We ask with a maximum of 8192, which the built-in group never answers: the 2048 bits are of "
        "the moduli file, and every client that asks for them gets them.",
    ),
    Known(
        "ssh-audit",
        "host_key_sizes",
        "more here",
        (CERTIFICATES,),
        "It gives the size of RSA keys by all names, of RSA certificates by `ssh-rsa-cert-v01@openssh.com` alone.",
    ),
    Known(
        "ssh-audit",
        "identification",
        "other",
        (TINYSSH,),
        "TinySSH puts a new random comment into each connection's identification. The part before it is the same.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (STOCK, PARAMIKO),
        "ssh-hostkey looks for the name `ssh-rsa` among the algorithms. A server that signs with `rsa-sha2-*` alone "
        "seems to have no RSA key.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (CERTIFICATES,),
        "The same, and it knows no certificates.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (STOCK_10, TINYSSH, HARDENED, SMALL_KEY),
        "ssh-hostkey knows finite-field groups only. Where a server offers curves and ML-KEM alone, it shows no key.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (DROPBEAR,),
        "The exchange of ssh-hostkey with Dropbear 2022.83 comes to no end: the script waits until it is stopped, and "
        "shows no key.",
    ),
    Known(
        "nmap",
        "authentication_methods",
        "more here",
        (TINYSSH, HARDENED, SMALL_KEY),
        "Its library (libssh2 1.10) shares no cipher or MAC with the server, and it shows no method.",
    ),
)
