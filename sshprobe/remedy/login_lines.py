"""What a profile says of logins, as lines of OpenSSH's own configuration: methods, the banner, users' keys."""

from __future__ import annotations

from sshprobe.algorithms import in_openssh
from sshprobe.profiles import Profile
from sshprobe.remedy.login_methods import (
    CHAINS_SINCE,
    METHODS,
    ONLY_PUBLIC_KEYS,
    PUBLIC_KEYS,
    beside,
    caution,
    chain_lines,
    keyboard_line,
)


def server_login(profile: Profile, release: str, problems: list[str]) -> list[str]:
    """Return lines of sshd_config(5) for methods, banner and users' keys. `problems` gets what cannot be done."""
    return [*_server_authentication(profile, release, problems), *_banner(profile), *_user_keys(profile, release)]


def _server_authentication(profile: Profile, release: str, problems: list[str]) -> list[str]:
    rule = profile.authentication
    if rule is None:
        return []
    allowed = set(rule.passing)
    off = _switched_off(allowed, release)
    known = {"publickey", "keyboard-interactive", *METHODS}
    if not allowed & known:
        problems.append(f"it has none of the methods {', '.join(rule.passing)} ({rule.where})")
        return []
    lines = [f"# {profile.cite(rule)}"]
    if "publickey" not in allowed:
        return [*lines, "PubkeyAuthentication no", *off]
    if allowed == {"publickey"} and in_openssh(CHAINS_SINCE, release):
        chain = chain_lines(rule, (), release) or [PUBLIC_KEYS, ONLY_PUBLIC_KEYS]
    else:
        chain = [PUBLIC_KEYS, *off]
    return [*lines, f"# {caution(chain)}", *(f"# {words}" for words in beside(chain)), *chain]


def _banner(profile: Profile) -> list[str]:
    rule = profile.banner
    if rule is None:
        return []
    if not rule.sent:
        return [f"# {profile.cite(rule)}", "Banner none"]
    return [f"# {profile.cite(rule)}", f"# write the text into {rule.file}", f"Banner {rule.file}"]


def _user_keys(profile: Profile, release: str) -> list[str]:
    rule = profile.user_key
    if rule is None:
        return []
    value = ",".join(rule.allowed) if rule.allowed else f"-{','.join(rule.forbidden)}"
    line = f"PubkeyAcceptedAlgorithms {value}"
    if in_openssh("8.5+", release) is not True:
        return [f"# {profile.cite(rule)}", f"# {line}: the keyword came with OpenSSH 8.5"]
    return [f"# {profile.cite(rule)}", "# have a key of your own that signs so before you apply it", line]


def client_login(profile: Profile, release: str, problems: list[str]) -> list[str]:
    """Return lines of ssh_config(5) for methods. `problems` gets what cannot be done, in words."""
    rule = profile.authentication
    if rule is None:
        return []
    allowed = [name for name in rule.passing if name in {"publickey", "keyboard-interactive", *METHODS}]
    if not allowed:
        problems.append(f"it has none of the methods {', '.join(rule.passing)} ({rule.where})")
        return []
    keys = [] if "publickey" in allowed else ["PubkeyAuthentication no"]
    return [
        f"# {profile.cite(rule)}",
        f"PreferredAuthentications {','.join(allowed)}",
        *keys,
        *_switched_off(set(allowed), release),
    ]


def _switched_off(allowed: set[str], release: str) -> list[str]:
    lines = [line for method, line in METHODS.items() if method not in allowed]
    if "gssapi-with-mic" in allowed or "gssapi-keyex" in allowed:
        lines = [line for line in lines if not line.startswith("GSSAPI")]
    if "keyboard-interactive" not in allowed:
        lines.append(keyboard_line(release))
    return [line for line in dict.fromkeys(lines) if not line.startswith("GSSAPI") or in_openssh("3.7+", release)]
