"""Lines of sshd_config and ssh_config about logins: methods, the banner, keys of users.

A scan cannot see chains of methods. A server that requires a key and then a code lists only `publickey`, like one that
requires only a key (sshd_config(5), AuthenticationMethods; RFC 4252 section 5.1). So users must read each line first:

- `AuthenticationMethods publickey` lets everybody in who has a key, and ends a second factor.
- `PasswordAuthentication no` and its like end no second factor, but lock everybody out if a chain needs that method:
  sshd drops a chain if one of its methods is off.

The first is the advice if the profile allows only public keys, with the form for a chain beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sshprobe.algorithms import in_openssh
from sshprobe.grading.users import methods_for_everybody
from sshprobe.profiles import AuthenticationRule, Profile
from sshprobe.remedy.remedy_context import RemedyContext

METHODS = {
    "password": "PasswordAuthentication no",
    "hostbased": "HostbasedAuthentication no",
    "gssapi-with-mic": "GSSAPIAuthentication no",
    "gssapi-keyex": "GSSAPIAuthentication no",
}
GSS_METHODS = frozenset({"gssapi-with-mic", "gssapi-keyex"})

PUBLIC_KEYS = "PubkeyAuthentication yes"
CHALLENGE_RESPONSE, KEYBOARD = "ChallengeResponseAuthentication no", "KbdInteractiveAuthentication no"
CHAIN = "AuthenticationMethods"
ONLY_PUBLIC_KEYS = f"{CHAIN} publickey"
SECOND_FACTOR = f"{CHAIN} publickey,keyboard-interactive"
"""A chain: a key, then the questions of PAM."""

CHAINS_SINCE = "6.2+"
"""Releases of OpenSSH that know AuthenticationMethods (release notes)."""

YOUR_KEY = "first put your public key in place"
KEY_AND_PASSWORD = "have a public key and a password in place for everyone before you apply it"

NONE_ON_AN_APPLIANCE = (
    "log in by hand without a password. Some appliances ask for name and password inside the session. If this one "
    "does, let only administrators reach its port, and update it if its maker has changed that. If it does not, close "
    "the port until it asks"
)
"""Advice if "none" lets anyone in. Cisco's wireless controllers ask later, and have no option for it."""

_CHECK = "`sshd -T | grep -i authenticationmethods`"


def keyboard_line(release: str | None) -> str:
    """Return the line that switches keyboard-interactive off, with the keyword of a release of OpenSSH."""
    return CHALLENGE_RESPONSE if in_openssh("8.7+", release) is False else KEYBOARD


def chain_lines(rule: AuthenticationRule, on: Iterable[str], release: str | None) -> list[str]:
    """Return lines for the chain in the document and for its steps. Empty: it has no chain.

    `on`: methods that are known to be on.
    """
    if not rule.chain:
        return []
    steps, known = rule.chain.split(","), set(on)
    lines = {
        "publickey": PUBLIC_KEYS,
        "password": "PasswordAuthentication yes",
        "keyboard-interactive": keyboard_line(release).replace(" no", " yes"),
    }
    return [*(line for step, line in lines.items() if step in steps and step not in known), f"{CHAIN} {rule.chain}"]


def authentication_lines(context: RemedyContext, methods: Iterable[str]) -> list[str]:
    """Return sshd_config lines that switch `methods` off. Empty: no other method would be left."""
    rule = context.profile.authentication
    version = context.version
    allowed = set() if rule is None else set(rule.passing)
    listed = methods_for_everybody(context.observation)
    lines: list[str] = []
    left = allowed & set(listed)
    none_left = not left
    if none_left and "publickey" not in allowed:
        return []
    if not left - GSS_METHODS and "publickey" in allowed:
        # If it is off, `AuthenticationMethods publickey` locks everybody out. GSS-API does not count: many servers list
        # it although users have no tickets.
        lines.append(PUBLIC_KEYS)
    # A scan cannot see `AuthenticationMethods password`. With it, no method would remain once passwords are off.
    if (allowed == {"publickey"} or none_left) and in_openssh(CHAINS_SINCE, version) is not False:
        chain = [] if rule is None or allowed != {"publickey"} else chain_lines(rule, listed, version)
        return chain or [*lines, ONLY_PUBLIC_KEYS]
    for method in methods:
        line = keyboard_line(version) if method == "keyboard-interactive" else METHODS.get(method, "")
        if line and line not in lines:
            lines.append(line)
    if in_openssh("2.5+", version) is False and not {PUBLIC_KEYS, CHALLENGE_RESPONSE}.isdisjoint(lines):
        return []  # it does not know these keywords, and sshd does not start with an unknown one
    return [] if lines == [PUBLIC_KEYS] else lines


def caution(lines: Sequence[str]) -> str:
    """Return the precondition for applying the lines."""
    return YOUR_KEY if not lines or "password" not in lines[-1] else KEY_AND_PASSWORD


def beside(lines: Sequence[str]) -> Iterator[str]:
    """Yield the comments that belong to the lines, without "#"."""
    off = ["password"] if METHODS["password"] in lines else []
    if not {CHALLENGE_RESPONSE, KEYBOARD}.isdisjoint(lines):
        off.append("keyboard-interactive")
    if off:
        yield f"Locks everybody out if {_CHECK} or a Match block asks for {' or '.join(off)} after a key."
    for line in lines:
        if line == ONLY_PUBLIC_KEYS:
            yield "A second factor after the key cannot be seen from outside. This line ends it: a key alone logs in."
            yield f"Where one is required today ({_CHECK}, and the Match blocks), write in place of it:"
            yield f"    {SECOND_FACTOR}"
        elif line.startswith(f"{CHAIN} "):
            steps = " and then ".join(line.split()[1].split(","))
            yield f"The document's own chain: everyone needs {steps} from then on. A scan sees the first step alone."


def in_one_line(lines: Sequence[str]) -> str:
    """Return the lines with a warning, for a finding."""
    text = "; ".join(lines)
    if ONLY_PUBLIC_KEYS in lines:
        return f"{text} (ends a second factor, which cannot be seen: where one is required today, {SECOND_FACTOR})"
    if any(line in (METHODS["password"], CHALLENGE_RESPONSE, KEYBOARD) for line in lines):
        return f"{text} (locks everybody out if {CHAIN} asks for it after a key: check that before)"
    return text


def server_login(profile: Profile, release: str, problems: list[str]) -> list[str]:
    """Return lines of sshd_config(5) for methods, banner and users' keys. `problems` gets unmet demands, in words."""
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
    """Return lines of ssh_config(5) for methods. `problems` gets unmet demands, in words."""
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
