"""Profiles of the defaults of OpenSSH releases: `openssh-9.2`. They are computed and have no files.

Names are from the column `openssh_default` of the catalogue. Protocol, compression and authentication are the defaults
of `servconf.c` at the tags V_3_0_P1, V_4_1_P1, V_4_2_P1, V_5_3_P1, V_5_4_P1 and later ones. Dates are those of the tags
of openssh-portable.
"""

from __future__ import annotations

import re
from functools import cache

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, in_openssh, lookup, marker, names
from sshprobe.algorithms.openssh import RELEASE_MONTHS, STRICT_KEX
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_text

FAMILY = "openssh-X.Y"


def is_stock(id: str) -> bool:
    """Return whether an id is of this family, even without such a release."""
    return re.fullmatch(r"openssh-\d[\w.]*", id) is not None


def stock_range() -> str:
    """Return the range of releases with a profile, in words."""
    first, *_, last = RELEASE_MONTHS
    return f"{first} to {last}"


@cache
def stock_profile_text(id: str) -> str:
    """Return the TOML of `openssh-9.2`. Raises `InputError` for an unknown release."""
    version = id.removeprefix("openssh-")
    if version not in RELEASE_MONTHS:
        raise InputError(
            f"unknown profile `{escape_text(id)}`: there is one for each release of portable OpenSSH, "
            f"openssh-{' to openssh-'.join(stock_range().split(' to '))}"
        )
    lines = [
        "# Computed from the catalogue: every release of OpenSSH has such a profile, without a file.",
        *_pairs(
            id=id,
            title=f"OpenSSH {version}, what its server offers by default",
            version=version,
            date=RELEASE_MONTHS[version],
            source="https://github.com/openssh/openssh-portable",
            verified="names against the source at the tag of every release, the defaults of servconf.c at some; "
            "distributions patch both",
        ),
        "",
        "[protocol]",
        # servconf.c: SSH_PROTO_1|SSH_PROTO_2 up to V_5_3_P1, SSH_PROTO_2 from V_5_4_P1 on.
        *_pairs(
            where=f"OpenSSH {version}, servconf.c: Protocol",
            allowed=["2.0", "1.99"] if in_openssh("3.0..5.3", version) else ["2.0"],
        ),
    ]
    for category in ALGORITHM_TYPES:
        lines += ["", f"[{category}]", *_section(category, version)]
    renamed = in_openssh("8.7+", version)
    interactive = "KbdInteractiveAuthentication" if renamed else "ChallengeResponseAuthentication"
    lines += [
        "",
        "[authentication]",
        # keyboard-interactive through ChallengeResponseAuthentication, which was on from the start.
        *_pairs(
            where=f"OpenSSH {version}, servconf.c: PubkeyAuthentication, PasswordAuthentication, {interactive}",
            allowed=["publickey", "password", "keyboard-interactive"],
        ),
        "",
        "[[explained]]",
        *_pairs(
            id="distribution",
            recommendation="the defaults of the distribution",
            where="the package of the server",
            why="login",
            explanation="distributions change the offers of OpenSSH by patches (GSS-API, strict key exchange in older "
            "releases), an sshd_config of their own or a policy: such a difference is drift from OpenSSH, not from the "
            "distribution",
        ),
    ]
    return "\n".join(lines) + "\n"


def _section(category: AlgorithmType, version: str) -> list[str]:
    allowed = [name for name in names(category) if _is_default(category, name, version)]
    require = []
    if category == "kex":
        strict_kex = marker(STRICT_KEX)
        hybrids = [name for name in allowed if (entry := lookup("kex", name)) and entry.post_quantum == "hybrid"]
        require += ["post-quantum"] if hybrids else []
        require += ["strict-kex"] if strict_kex is not None and in_openssh(strict_kex.openssh_default, version) else []
    place = "servconf.c: Compression" if category == "compression" else "myproposal.h"
    return _pairs(
        where=f"OpenSSH {version}, {place}",
        others="forbidden",
        require=require,
        allowed=allowed,
        recommended=[name for name in allowed if category != "host_key" or _is_made(name)],
    )


def _is_default(category: AlgorithmType, name: str, version: str) -> bool:
    entry = lookup(category, name)
    return entry is not None and in_openssh(entry.openssh_default, version) is True


def _is_made(name: str) -> bool:
    """Return whether `ssh-keygen -A` makes a host key for it."""
    entry = lookup("host_key", name)
    return entry is not None and entry.format == "plain" and not entry.hardware.startswith("yes")


def _pairs(**values: str | list[str]) -> list[str]:
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, str):
            lines.append(f"{key} = {_json(value)}")
        elif value:
            lines += [f"{key} = [", *(f"    {_json(item)}," for item in value), "]"]
    return lines


def _json(text: str) -> str:
    # A JSON string of ASCII is also a TOML string.
    return msgspec.json.encode(text).decode("ascii")
