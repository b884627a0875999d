"""Shell commands for OpenSSH servers that fix moduli and host keys, which sshd_config cannot."""

from __future__ import annotations

from sshprobe.algorithms import lookup
from sshprobe.grading.sizes import key_sizes
from sshprobe.model.remedy import NewKey, Platform
from sshprobe.profiles import Profile
from sshprobe.remedy.platforms import UNNAMED

TELL_CLIENTS = "clients that know the old key will warn: give them the new one"
"""The caution for a new host key."""


def least_moduli(profile: Profile) -> int:
    """Return the bits of the smallest moduli to keep: 2048, or more if the profile requires or advises it."""
    return max(2048, 0 if profile.group_exchange is None else profile.group_exchange.wanted_bits)


def moduli_command(bits: int, platform: Platform = UNNAMED) -> str:
    """Return a shell command that keeps moduli of `bits` or more, and a backup of the original file.

    It writes in place, which keeps owner, mode and label, but only if a modulus would remain. It skips
    comments, whose fifth word awk would compare as text. The fifth field of moduli(5) holds the bits less one.
    """
    file = platform.moduli
    kept, backup = f"{file}.kept", f"{file}.sshprobe-backup"
    none = f"no modulus of {bits} bits in {file}: take the file of a current OpenSSH"
    return (
        f"test -e {backup} || cp -p {file} {backup} && awk '/^[0-9]/ && $5 >= {bits - 1}' {file} > {kept}; "
        f"if test -s {kept}; then cat {kept} > {file}; "
        f"else echo '{none}' >&2; fi; rm -f {kept}"
    )


def new_key(type: str, profile: Profile, *, replaces: bool, platform: Platform = UNNAMED) -> NewKey:
    """Return the host key to make for a host key algorithm or key type: "rsa-sha2-512", "ecdsa-sha2-nistp384".

    An additional key gets its own file, named by its size. A file with the usual name may already have a key of another
    curve, a small key or nothing, and sshd would have no usable host key.
    """
    entry = lookup("host_key", type)
    family = "ed25519" if entry is None else entry.family
    bits = {"rsa": rsa_key_bits(profile), "ecdsa": int(type[-3:]) if type[-3:].isdigit() else 256}.get(family)
    name = family if replaces else f"{family}_{bits or 256}"
    return NewKey(type=family, bits=bits, file=platform.key_file(name), replaces=replaces)


def key_commands(key: NewKey) -> tuple[str, ...]:
    """Return shell commands that make a host key. Clients that know the old key need the new one.

    The old key stays as a backup. If its file does not exist, sshd has its key elsewhere, and the commands fail without
    a change.
    """
    size = "" if key.bits is None else f" -b {key.bits}"
    make = f"ssh-keygen -q -t {key.type}{size} -N '' -C '' -f {key.file}"
    if not key.replaces:
        return (f"test -e {key.file} || {make}",)
    return (
        f"{make}.new",
        f"{backup_command(key.file)} && mv {key.file}.new {key.file} && mv {key.file}.new.pub {key.file}.pub",
    )


def backup_command(file: str) -> str:
    """Return a shell command that makes a backup next to a file, or fails if the file does not exist."""
    # mktemp replaces the six X, so that no earlier copy is overwritten.
    return f'test -e {file} && cp -p {file} "$(mktemp {file}.before-XXXXXX)"'


def rsa_key_commands(bits: int) -> tuple[str, ...]:
    """Return shell commands that replace the RSA host key by one of `bits`."""
    return key_commands(NewKey(type="rsa", bits=bits, file=UNNAMED.key_file("rsa"), replaces=True))


def rsa_key_bits(profile: Profile) -> int:
    """Return the size for a new RSA host key: at least 3072, or more if the profile requires or advises it."""
    own, advised, exact = key_sizes(profile, "rsa")
    least = max(3072, own, advised)
    return min((bits for bits in exact if bits >= least), default=least)
