"""What a server lets keys of users sign with, as its "server-sig-algs" says (RFC 8308 section 3.1).

OpenSSH before 9.6 lists all that it was compiled with, whatever `PubkeyAcceptedAlgorithms` says (kex.c at V_9_5_P1:
`sshkey_alg_list`; at V_9_6_P1: `server_sig_algs` of the options). There the list was not observed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import in_openssh, lookup
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement
from sshprobe.model.observation import Observation

EXTENSION = "server-sig-algs"

SAYS_WHAT_IT_ACCEPTS = "9.6+"
"""Releases of OpenSSH whose list is that of the configuration."""


SIGNATURE_UNLISTED = FindingType(
    id="authentication.signature_unlisted",
    title="Users' keys may sign in a way that the profile does not allow",
    severity="low",
    deviation="yes",
    when="the server says in server-sig-algs that it accepts signatures that the profile does not",
    meaning="""In its extensions the server lists the signature algorithms that it accepts of users' keys, and the
        profile forbids one of them or does not list it. OpenSSH before 9.6 lists all that it was compiled with, so
        there the list counts as not observed.""",
    why="A user's key that signs in a weak way is as good as that way.",
    see='`ssh -vv HOST` prints "kex_ext_info_client_parse: server-sig-algs" or the like.',
    fix="`PubkeyAcceptedAlgorithms` in sshd_config (OpenSSH 8.5 or later), once no user's key needs the others.",
    references=("RFC 8308 section 3.1", "RFC 8332 section 3.3", "sshd_config(5) PubkeyAcceptedAlgorithms"),
    label="unlisted signatures of users' keys",
)

SIGNATURE_WEAK = FindingType(
    id="authentication.signature_weak",
    title="Users' keys may sign over SHA-1",
    severity="low",
    when="""the server says in server-sig-algs that it accepts signatures over SHA-1, such as ssh-rsa, and no rule of
        the profile says so already""",
    meaning="""In its extensions the server lists the signature algorithms that it accepts of users' keys, and some of
        them are over SHA-1. OpenSSH before 9.6 lists all that it was compiled with, so there the list counts as not
        observed.""",
    why="""Collisions of SHA-1 can be made. No attack on a login by them is known, but every current client signs with
        SHA-2.""",
    see='`ssh -vv HOST` prints "kex_ext_info_client_parse: server-sig-algs" or the like.',
    fix="`PubkeyAcceptedAlgorithms -ssh-rsa` in sshd_config, once no user has a client older than OpenSSH 7.2.",
    references=("RFC 8332 section 3.3", "OpenSSH 8.8 release notes"),
    label="SHA-1 signatures of users' keys",
    weaknesses=("sha1",),
    also_called=("server-sig-algs",),
)


def accepted_signatures(observation: Observation) -> list[str] | None:
    """Return the signature algorithms that the server accepts; None where it did not list them."""
    value = (observation.extensions or {}).get(EXTENSION)
    if value is None:
        return None
    said = observation.identification
    if said is not None and said.software.startswith("OpenSSH") and not in_openssh(SAYS_WHAT_IT_ACCEPTS, said.version):
        return None
    return list(dict.fromkeys(name for name in value.split(",") if name))


def _missing(host: GradedHost) -> Iterator[str]:
    """Yield the list of signature algorithms where the profile has a closed one and none was seen."""
    rule = host.profile.user_key
    if rule is not None and rule.allowed and accepted_signatures(host.observation) is None:
        yield "the signature algorithms that users' keys may use (server-sig-algs)"


@check(SIGNATURE_UNLISTED, SIGNATURE_WEAK, missing=_missing)
def user_signatures(host: GradedHost) -> Iterator[Judgement]:
    """Find signatures that the profile does not allow, and weak ones, which are never a deviation."""
    profile = host.profile
    accepted = accepted_signatures(host.observation)
    if accepted is None:
        return
    rule = profile.user_key
    bad: list[str] = []
    if rule is not None:
        bad = [name for name in accepted if (name not in rule.allowed if rule.allowed else name in rule.forbidden)]
    if rule is not None and bad:
        yield Judgement(
            SIGNATURE_UNLISTED,
            severity="low",
            message="accepts signatures of users' keys that the profile does not",
            expected=", ".join(rule.allowed) or f"none of {', '.join(rule.forbidden)}",
            observed=", ".join(bad),
            references=(profile.cite(rule), "RFC 8308 section 3.1"),
            deviation=True,
        )
    weak = [name for name in accepted if name not in bad and _is_over_sha1(name)]
    if weak:
        yield Judgement(
            SIGNATURE_WEAK,
            severity="low",
            message="accepts signatures over SHA-1 of users' keys",
            expected="rsa-sha2-512, rsa-sha2-256 and others over SHA-2",
            observed=", ".join(weak),
        )


def _is_over_sha1(name: str) -> bool:
    entry = lookup("host_key", name)
    return entry is not None and entry.hash == "sha1"
