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
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_text

FAMILY = "openssh-X.Y"

RELEASES: dict[str, str] = dict(
    re.findall(
        r"([\d.]+) ([\d-]+)",
        """
    3.0 2001-11, 3.1 2002-03, 3.2 2002-05, 3.3 2002-06, 3.4 2002-06, 3.5 2002-10, 3.6 2003-03, 3.7 2003-09,
    3.8 2004-02, 3.9 2004-08, 4.0 2005-03, 4.1 2005-05, 4.2 2005-09, 4.3 2006-02, 4.4 2006-09, 4.5 2006-11,
    4.6 2007-03, 4.7 2007-09, 4.9 2008-03, 5.0 2008-04, 5.1 2008-07, 5.2 2009-02, 5.3 2009-09, 5.4 2010-03,
    5.5 2010-04, 5.6 2010-08, 5.7 2011-01, 5.8 2011-02, 5.9 2011-09, 6.0 2012-04, 6.1 2012-08, 6.2 2013-03,
    6.3 2013-09, 6.4 2013-11, 6.5 2014-01, 6.6 2014-03, 6.7 2014-10, 6.8 2015-03, 6.9 2015-07, 7.0 2015-08,
    7.1 2015-08, 7.2 2016-02, 7.3 2016-07, 7.4 2016-12, 7.5 2017-03, 7.6 2017-10, 7.7 2018-04, 7.8 2018-08,
    7.9 2018-10, 8.0 2019-04, 8.1 2019-10, 8.2 2020-02, 8.3 2020-05, 8.4 2020-09, 8.5 2021-03, 8.6 2021-04,
    8.7 2021-08, 8.8 2021-09, 8.9 2022-02, 9.0 2022-04, 9.1 2022-10, 9.2 2023-02, 9.3 2023-03, 9.4 2023-08,
    9.5 2023-10, 9.6 2023-12, 9.7 2024-03, 9.8 2024-07, 9.9 2024-09, 10.0 2025-04, 10.1 2025-10, 10.2 2025-10,
    10.3 2026-04, 10.4 2026-07, 10.5 2026-08, 10.6 2026-10
    """,
    )
)
"""Portable releases and the months of their tags (of Debian's package for 10.6). There was no portable 4.8."""

STRICT_KEX = "kex-strict-s-v00@openssh.com"


def is_stock(id: str) -> bool:
    """Return whether an id is of this family, even without such a release."""
    return re.fullmatch(r"openssh-\d[\w.]*", id) is not None


def stock_range() -> str:
    """Return the range of releases with a profile, in words."""
    first, *_, last = RELEASES
    return f"{first} to {last}"


@cache
def stock_profile_text(id: str) -> str:
    """Return the TOML of `openssh-9.2`. Raises `InputError` for an unknown release."""
    version = id.removeprefix("openssh-")
    if version not in RELEASES:
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
            date=RELEASES[version],
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
