"""The changes for a host, and the grade that follows."""

from __future__ import annotations

from typing import Literal

import msgspec

from sshprobe.model.verdict import Grade

Kind = Literal["sshd_config", "moduli", "host_key", "localoptions.h", "argument", "words"]
"""The place of a change: sshd_config, the moduli file, a host key file, Dropbear's compile-time options, its command
line, or plain words."""


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A host key to make, in the words of ssh-keygen or dropbearkey."""

    type: str
    """"rsa", "ecdsa", "ed25519"."""
    bits: int | None
    file: str
    replaces: bool
    """Whether a key of this file goes. If not, the file has a name of its own, and only this remedy writes to it."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change that a server needs."""

    kind: Kind
    text: tuple[str, ...] = ()
    """Lines to paste into sshd_config or localoptions.h, an argument, or words."""
    commands: tuple[str, ...] = ()
    """Shell commands for root, before the lines."""
    comment: str = ""
    """The change in a few words."""
    reasons: tuple[str, ...] = ()
    """Reasons, from the messages of the findings that it fixes."""
    caution: str = ""
    """The precondition."""
    beside: tuple[str, ...] = ()
    """Comments that belong to the lines, without "#"."""
    moduli_bits: int | None = None
    """For the kind "moduli": the smallest size that stays."""
    key: NewKey | None = None
    """For the kind "host_key"."""


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of system, and the places of sshd's files."""

    name: str
    """"Debian", "FreeBSD", "NetBSD". Empty: the identification does not say it."""
    folder: str = "/etc/ssh"
    """The folder of sshd_config and of the host keys."""
    moduli: str = "/etc/ssh/moduli"
    sshd: str = "/usr/sbin/sshd"
    service: str = ""
    """Its name for a service manager. Empty: "ssh" on Debian and its derivatives, "sshd" elsewhere."""
    check: str
    """A shell command for root that checks the configuration and reloads the server."""
    notes: tuple[str, ...] = ()
    """Further notes about reloading it."""

    def key_file(self, name: str) -> str:
        """The file of a host key: `name` is "rsa", "ecdsa", "ed25519", "dsa"."""
        return f"{self.folder}/ssh_host_{name}_key"


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """The changes for a host, and the grade that follows."""

    changes: list[Change]
    """The smallest set: all of them are needed for the promised grade."""
    platform: Platform | None
    """The system for the lines and commands. None: there is only advice in words."""
    file: str
    """The file for the lines: "/etc/ssh/sshd_config". Empty for other software."""
    lines: list[str]
    """Lines of sshd_config with comments. Empty: nothing to change there."""
    commands: list[str]
    """Shell commands for root: moduli, host keys."""
    short_commands: list[str]
    """The commands that are short enough for a report, before the lines."""
    long_commands: list[str]
    """The other commands in a few words."""
    advice: list[str]
    """Advice in plain words for other software than OpenSSH, one line each."""
    grade: Grade
    score: int
    compliant: bool | None
    """Grade, score and compliance when all of it is applied."""
    grade_is_partial: bool
    """Whether something that can cost points was not seen, or cannot be known after the changes."""
    left: list[str]
    """The findings that it cannot fix, one per line."""
    left_briefly: list[str]
    """The same without the messages, for places that show the findings."""
