"""Differences between peers' view of a server and ours, with reasons. `docs/peers.md` has each row."""

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
    """One difference. It is expected for each of `servers`, and for no other."""

    peer: str
    field: str
    kind: Kind
    servers: tuple[str, ...]
    reason: str

    def row(self) -> str:
        """Return the line of the table in docs/peers.md."""
        more = "We see more. " if self.kind == "more here" else ""
        return f"| {self.peer} | `{self.field}` | {'; '.join(self.servers)} | {more}{self.reason} |"


DIFFERENCES = (
    Known(
        "ssh-audit",
        "group_exchange",
        "other",
        (STOCK, CERTIFICATES),
        "ssh-audit assumes that a 2048-bit answer of OpenSSH up to 9.9 is the built-in group. It asks again for (2048, "
        "3072, 4096) and shows 3072 bits. With our maximum of 8192 the built-in group is never sent: the 2048 bits are "
        "from the moduli file, and any client that asks can get them.",
    ),
    Known(
        "ssh-audit",
        "host_key_sizes",
        "more here",
        (CERTIFICATES,),
        "ssh-audit gives the size of an RSA certificate only under the name `ssh-rsa-cert-v01@openssh.com`.",
    ),
    Known(
        "ssh-audit",
        "identification",
        "other",
        (TINYSSH,),
        "TinySSH sends a new random comment with each identification. The part before it is the same.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (STOCK, PARAMIKO),
        "ssh-hostkey looks only for the name `ssh-rsa`. It sees no RSA key on a server that signs with `rsa-sha2-*`.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (CERTIFICATES,),
        "The same, and ssh-hostkey does not support certificates.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (STOCK_10, TINYSSH, HARDENED, SMALL_KEY),
        "ssh-hostkey supports finite-field groups only, and shows no key of a server with only curves and ML-KEM.",
    ),
    Known(
        "nmap",
        "host_keys",
        "more here",
        (DROPBEAR,),
        "ssh-hostkey hangs in its exchange with Dropbear 2022.83 and shows no key.",
    ),
    Known(
        "nmap",
        "authentication_methods",
        "more here",
        (TINYSSH, HARDENED, SMALL_KEY),
        "nmap's library (libssh2 1.10) shares no cipher or MAC with the server.",
    ),
)
