"""The settings of a scan, checked in one place.

Command line, saved options, `--resume`, `Scanner` and workers all use this struct. It has no callback and no open file,
so it can be sent to another process.
"""

from __future__ import annotations

import socket
from typing import Any, Literal, Self, get_args

import msgspec

from sshprobe import __version__
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Depth
from sshprobe.probe.probe_options import DEFAULT_AUTH_USERS, ProbeOptions
from sshprobe.profiles import Profile
from sshprobe.targets import Exclusions
from sshprobe.wire.errors import LocalProtocolError
from sshprobe.wire.identification import check_client_identification

DEFAULT_CLIENT_ID = f"SSH-2.0-sshprobe_{__version__}"
"""Our default identification. The scanner filter of sshd does not drop it."""

_FAMILIES = {None: None, 4: socket.AF_INET, 6: socket.AF_INET6}


class ScanSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How hosts are probed and graded. All times are in seconds; `Scanner` explains each field.

    Raises:
        InputError: for a `client_id` that a server would drop, a profile for clients, or a value out of range.
        TypeError: for a profile or a user of another type.
    """

    profiles: tuple[Profile, ...] = ()
    strict: bool = False
    depth: Depth = "full"
    auth_methods: bool = True
    auth_users: tuple[str, ...] = DEFAULT_AUTH_USERS
    client_id: str | None = None
    connect_timeout: float = 5.0
    timeout: float = 10.0
    host_timeout: float = 60.0
    concurrency: int = 100
    rate: float | None = None
    throttle_wait: float = 20.0
    all_addresses: bool = False
    family: Literal[4, 6] | None = None
    exclude: Exclusions = msgspec.field(default_factory=Exclusions)

    def __post_init__(self) -> None:
        for profile in self.profiles:
            if not isinstance(profile, Profile):
                raise TypeError(f"profiles: `{type(profile).__name__}` is not a profile: `load_profile` returns one")
            profile.need_server()
        for name in ("connect_timeout", "timeout", "host_timeout"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be more than 0 seconds")
        if not self.throttle_wait >= 0:
            raise InputError("throttle_wait must be 0 seconds or more")
        if self.concurrency < 1:
            raise InputError("concurrency must be 1 or more")
        if self.rate is not None and not self.rate > 0:
            raise InputError("rate must be more than 0; None means no limit")
        if self.depth not in get_args(Depth):
            raise InputError(f"depth is {', '.join(get_args(Depth))}, not {self.depth!r}")
        if self.family not in _FAMILIES:
            raise InputError(f"family is 4, 6 or None, not {self.family!r}")
        if not all(isinstance(user, str) for user in self.auth_users):
            raise TypeError("auth_users are strings")
        if not self.auth_users or not all(self.auth_users):
            raise InputError("auth_users must not be empty")
        self.identification  # noqa: B018 - raises for a `client_id` that a server would drop

    @property
    def identification(self) -> bytes:
        """The identification string that servers see, without line end."""
        try:
            line = (self.client_id or DEFAULT_CLIENT_ID).encode("ascii")
            check_client_identification(line)
        except UnicodeEncodeError:
            raise InputError("an identification is printable ASCII", source="client id") from None
        except LocalProtocolError as error:
            raise InputError(str(error), source="client id") from None
        return line

    @property
    def address_family(self) -> int | None:
        """`family` as the number that `socket` uses."""
        return _FAMILIES[self.family]

    def probe_options(self) -> ProbeOptions:
        """Return the settings for one host."""
        return ProbeOptions(
            client_id=self.identification,
            depth=self.depth,
            auth_methods=self.auth_methods,
            auth_users=self.auth_users,
            connect_timeout=self.connect_timeout,
            timeout=self.timeout,
            host_timeout=self.host_timeout,
        )

    def share(self, workers: int) -> Self:
        """Return the settings of one of several workers, which share concurrency and rate."""
        return msgspec.structs.replace(
            self,
            concurrency=max(1, self.concurrency // workers),
            rate=None if self.rate is None else self.rate / workers,
        )

    def encode(self) -> bytes:
        """Return the settings as MessagePack, with the content of profiles and exclusions."""
        return msgspec.msgpack.encode(self, enc_hook=_encoded)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the settings that `encode` encoded. Raises `msgspec.ValidationError` for other data."""
        return msgspec.msgpack.decode(data, type=cls, dec_hook=_decoded)


def _encoded(value: Any) -> Any:
    if isinstance(value, Exclusions):
        return value.encode()
    raise TypeError(f"settings cannot hold `{type(value).__name__}`")


def _decoded(type_: type, value: Any) -> Any:
    if type_ is Exclusions:
        return Exclusions.decode(value)
    raise TypeError(f"settings cannot hold `{type_.__name__}`")
