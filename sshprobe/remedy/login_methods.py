"""Lines of sshd_config about the ways to log in, and what has to stand beside each: chains of methods cannot be seen.

A server that asks for a key and then a code lists `publickey`, the first step, as one does that asks for a key alone
(sshd_config(5), AuthenticationMethods; RFC 4252 section 5.1). So no line here is safe to paste unread:

- `AuthenticationMethods publickey` locks nobody out who has a key, and ends a second factor.
- `PasswordAuthentication no` and its like end no second factor, and lock everybody out where a chain needs that method:
  sshd drops a chain whose methods are not all on.

The first is given where public keys are all that the profile allows, and the chain form beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sshprobe.algorithms import in_openssh
from sshprobe.grading.users import methods_for_everybody
from sshprobe.profiles import AuthenticationRule
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
"""The form of a chain: a key, and then what PAM asks for."""

CHAINS_SINCE = "6.2+"
"""Releases of OpenSSH that know AuthenticationMethods (release notes)."""

YOUR_KEY = "have your public key in place before you apply it"
KEY_AND_PASSWORD = "have a public key and a password in place for everyone before you apply it"

NONE_ON_AN_APPLIANCE = (
    "log in by hand with no password. Some appliances ask for name and password inside the session: if this one does, "
    "let administrators alone reach its port, and update it where its maker has changed that; if it does not, close "
    "the port until it asks"
)
"""What to do where "none" lets anyone in. Cisco's wireless controllers ask later, and have no option for it."""

_WHERE = "`sshd -T | grep -i authenticationmethods`, and the Match blocks"


def keyboard_line(release: str | None) -> str:
    """Return the line that switches keyboard-interactive off, by the name that a release of OpenSSH knows."""
    return CHALLENGE_RESPONSE if in_openssh("8.7+", release) is False else KEYBOARD


def chain_lines(rule: AuthenticationRule, on: Iterable[str], release: str | None) -> list[str]:
    """Return lines for the chain that the document itself has, with what switches its steps on; none if it has none.

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
    """Return sshd_config lines that end the offer of `methods`; none where no other method would be left."""
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
        # Where it is off, `AuthenticationMethods publickey` would lock everybody out; and many servers list GSS-API
        # where nobody has a ticket.
        lines.append(PUBLIC_KEYS)
    # An `AuthenticationMethods password` cannot be seen, and would leave nothing once passwords are off.
    if (allowed == {"publickey"} or none_left) and in_openssh(CHAINS_SINCE, version) is not False:
        chain = [] if rule is None or allowed != {"publickey"} else chain_lines(rule, listed, version)
        return chain or [*lines, ONLY_PUBLIC_KEYS]
    for method in methods:
        line = keyboard_line(version) if method == "keyboard-interactive" else METHODS.get(method, "")
        if line and line not in lines:
            lines.append(line)
    if in_openssh("2.5+", version) is False and not {PUBLIC_KEYS, CHALLENGE_RESPONSE}.isdisjoint(lines):
        return []  # it does not know them by these names, and with an unknown keyword sshd does not start
    return [] if lines == [PUBLIC_KEYS] else lines


def caution(lines: Sequence[str]) -> str:
    """Return what must be true before the lines are applied."""
    return YOUR_KEY if not lines or "password" not in lines[-1] else KEY_AND_PASSWORD


def beside(lines: Sequence[str]) -> Iterator[str]:
    """Yield what must be read beside the lines: comments without their sign."""
    off = [line for line in lines if line in (METHODS["password"], CHALLENGE_RESPONSE, KEYBOARD)]
    if off:
        what, locks = ("this", "the line locks") if len(off) == 1 else ("one of these", "they lock")
        yield f"If {CHAIN} asks for {what} after a key, {locks} everybody out. Check before: {_WHERE}."
    for line in lines:
        if line == ONLY_PUBLIC_KEYS:
            yield "A second factor after the key cannot be seen from outside. This line ends it: a key alone logs in."
            yield f"Where one is required today ({_WHERE}), write in place of it:"
            yield f"    {SECOND_FACTOR}"
        elif line.startswith(f"{CHAIN} "):
            steps = " and then ".join(line.split()[1].split(","))
            yield f"The document's own chain: everyone needs {steps} from then on. A scan sees the first step alone."


def in_one_line(lines: Sequence[str]) -> str:
    """Return the lines with what to know about them, for a finding."""
    text = "; ".join(lines)
    if ONLY_PUBLIC_KEYS in lines:
        return f"{text} (ends a second factor, which cannot be seen: where one is required today, {SECOND_FACTOR})"
    if any(line in (METHODS["password"], CHALLENGE_RESPONSE, KEYBOARD) for line in lines):
        return f"{text} (locks everybody out if {CHAIN} asks for it after a key: check that before)"
    return text
