"""The options of probing one host."""

from __future__ import annotations

from functools import cache

import msgspec

from sshprobe.model.observation import Depth
from sshprobe.probe.probe_progress import Wanted

DEFAULT_AUTH_USERS = ("root", "nobody")
"""Both exist on every Unix. OpenSSH imposes a higher penalty for an unknown or barred user (`connections`)."""


class ProbeOptions(msgspec.Struct, frozen=True):
    """All times are in seconds."""

    client_id: bytes
    """Our identification string, without line end."""
    depth: Depth = "full"
    auth_methods: bool = True
    auth_users: tuple[str, ...] = DEFAULT_AUTH_USERS
    """Users to request methods for: the first always, the others on connections for other questions."""
    connect_timeout: float = 5.0
    timeout: float = 10.0
    """For each question: the identification, the lists, one key exchange, the authentication methods."""
    host_timeout: float = 60.0
    """For all questions to the host together."""
    max_connections: int = 12
    """A stock OpenSSH >= 9.8 accepts 16 from one source in a burst (PerSourcePenalties)."""
    burst: int = 5
    """The number of connections without a pause. Later ones are `pace` apart, so that penalties never add up."""
    pace: float = 1.0
    linger: float = 1.0
    """The server's time to close its side after our DISCONNECT."""
    goodbye: bytes = b"sshprobe: done"
    """The text in the server's log after "Received disconnect"."""

    @property
    def wanted(self) -> Wanted:
        """The facts that the plan must cover."""
        return _wanted(self.depth, self.auth_methods, self.auth_users)


@cache
def _wanted(depth: Depth, auth_methods: bool, users: tuple[str, ...]) -> Wanted:
    full = depth == "full"
    return Wanted(host_keys=depth != "lists", group_exchange=full, authentication=full and auth_methods, users=users)
