"""What to change on a host, and what that comes to."""

from __future__ import annotations

from typing import Literal

import msgspec

from sshprobe.model.verdict import Grade

Kind = Literal["sshd_config", "moduli", "host_key", "localoptions.h", "argument", "words"]
"""Where a change is made: a line of sshd_config, the moduli file, a host key file, Dropbear's compile-time options, its
command line; or only said in words."""


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A host key to be made, in ssh-keygen's or dropbearkey's words."""

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
    """Lines as they are pasted: of sshd_config or localoptions.h, an argument, or words."""
    commands: tuple[str, ...] = ()
    """Shell commands for root, to be run before the lines are pasted."""
    comment: str = ""
    """What the change is about, in a few words."""
    reasons: tuple[str, ...] = ()
    """Why, one matter each, in the words of the findings that it fixes."""
    caution: str = ""
    """What has to be so before it is applied."""
    beside: tuple[str, ...] = ()
    """What has to be read with the lines: comments, without their sign."""
    moduli_bits: int | None = None
    """Of the kind "moduli": the least size that stays."""
    key: NewKey | None = None
    """Of the kind "host_key"."""


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of system, and where it has what belongs to sshd."""

    name: str
    """"Debian", "FreeBSD", "NetBSD"; empty where the identification does not say it."""
    folder: str = "/etc/ssh"
    """Holds sshd_config and the host keys."""
    moduli: str = "/etc/ssh/moduli"
    sshd: str = "/usr/sbin/sshd"
    service: str = ""
    """Its name for a service manager; empty: "ssh" on Debian and its kin, "sshd" elsewhere."""
    check: str
    """A shell command for root that checks the configuration and reloads the server."""
    notes: tuple[str, ...] = ()
    """What else there is to know about reloading it."""

    def key_file(self, name: str) -> str:
        """The file of a host key: `name` is "rsa", "ecdsa", "ed25519", "dsa"."""
        return f"{self.folder}/ssh_host_{name}_key"


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """What to change on a host, and what it comes to."""

    changes: list[Change]
    """The smallest set: without any one of them the promise is not kept."""
    platform: Platform | None
    """Where the server has what the lines and commands are for; None: no commands, and advice in words."""
    file: str
    """The configuration that the lines are for: "/etc/ssh/sshd_config". Empty for other software."""
    lines: list[str]
    """Ready lines of sshd_config, comments among them. Empty: nothing to change there."""
    commands: list[str]
    """Shell commands for root: moduli, host keys."""
    short_commands: list[str]
    """Those of them that can stand in a report: they come before the lines."""
    long_commands: list[str]
    """What the others are about, in a few words."""
    advice: list[str]
    """For software other than OpenSSH, in plain words: one line for each matter."""
    grade: Grade
    score: int
    compliant: bool | None
    """Grade, score and compliance when all of it is applied."""
    grade_is_partial: bool
    """Whether something that can cost points was not seen, or will not have been seen."""
    left: list[str]
    """What this cannot fix, one finding a line."""
    left_briefly: list[str]
    """The same for where the findings are shown: what to do about each, without what it says."""
