"""What a server lets keys of users sign with, as its "server-sig-algs" says (RFC 8308 section 3.1).

OpenSSH before 9.6 lists all that it was compiled with, whatever `PubkeyAcceptedAlgorithms` says (kex.c at V_9_5_P1:
`sshkey_alg_list`; at V_9_6_P1: `server_sig_algs` of the options). There the list was not observed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import in_openssh, lookup
from sshprobe.grading.score import Judgement
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile

EXTENSION = "server-sig-algs"

SAYS_WHAT_IT_ACCEPTS = "9.6+"
"""Releases of OpenSSH whose list is that of the configuration."""


def accepted_signatures(observation: Observation) -> list[str] | None:
    """The signature algorithms that the server accepts; None where it did not say so."""
    value = (observation.extensions or {}).get(EXTENSION)
    if value is None:
        return None
    said = observation.identification
    if said is not None and said.software.startswith("OpenSSH") and not in_openssh(SAYS_WHAT_IT_ACCEPTS, said.version):
        return None
    return list(dict.fromkeys(name for name in value.split(",") if name))


def judge_user_keys(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`authentication.signature_unlisted`, a deviation, and `.signature_weak`, which never is one."""
    accepted = accepted_signatures(observation)
    if accepted is None:
        return
    rule = profile.user_key
    bad: list[str] = []
    if rule is not None:
        bad = [name for name in accepted if (name not in rule.allowed if rule.allowed else name in rule.forbidden)]
    if rule is not None and bad:
        yield Judgement(
            id="authentication.signature_unlisted",
            severity="low",
            category="authentication",
            message="accepts signatures of users' keys that the profile does not",
            expected=", ".join(rule.allowed) or f"none of {', '.join(rule.forbidden)}",
            observed=", ".join(bad),
            references=(profile.cite(rule), "RFC 8308 section 3.1"),
            deviation=True,
        )
    weak = [name for name in accepted if name not in bad and _is_over_sha1(name)]
    if weak:
        yield Judgement(
            id="authentication.signature_weak",
            severity="low",
            category="authentication",
            message="accepts signatures over SHA-1 of users' keys",
            expected="rsa-sha2-512, rsa-sha2-256 and others over SHA-2",
            observed=", ".join(weak),
            references=("RFC 8332 section 3.3", "OpenSSH 8.8 release notes"),
        )


def missing_user_keys(profile: Profile, observation: Observation) -> Iterator[str]:
    """In words, the list where the profile has a closed one and none that says what is accepted was seen."""
    if profile.user_key is not None and profile.user_key.allowed and accepted_signatures(observation) is None:
        yield "the signature algorithms that users' keys may use (server-sig-algs)"


def _is_over_sha1(name: str) -> bool:
    entry = lookup("host_key", name)
    return entry is not None and entry.hash == "sha1"
