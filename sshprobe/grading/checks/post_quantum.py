"""No post-quantum key exchange: what is recorded today can be read later."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement
from sshprobe.grading.strength import has_post_quantum

NO_POST_QUANTUM = FindingType(
    id="kex.no_post_quantum",
    title="No post-quantum key exchange",
    severity="note with a cap of 97; medium if the profile requires one",
    deviation="if the profile requires one",
    when="no hybrid of ML-KEM or sntrup761 is offered",
    meaning="None of the key exchange methods is a hybrid with ML-KEM or sntrup761.",
    why="""Traffic recorded today can be read when large quantum computers exist. There is no A+ without it, and no A
        where the profile requires it.""",
    see='`ssh -vv HOST` prints "KEX algorithms"; a client of OpenSSH 10.1 or later warns of it.',
    fix="Offer sntrup761x25519-sha512@openssh.com (OpenSSH 8.5 or later) or mlkem768x25519-sha256 (9.9 or later).",
    references=("RFC 10042", "RFC 9941"),
    cap=97,
    label="no post-quantum key exchange",
    weaknesses=("no-post-quantum",),
    codes={"no-post-quantum": "no post-quantum key exchange"},
)


@check(NO_POST_QUANTUM)
def post_quantum(host: GradedHost) -> Iterator[Judgement]:
    """Find a list without a hybrid: a deviation where the profile requires one."""
    observation, profile = host.observation, host.profile
    names = observation.kex_algorithms
    where = () if profile.kex is None else (profile.cite(profile.kex),)
    # Of several servers at one address each has to have it: the list has what any of them offers.
    lacking = observation.several_servers and observation.post_quantum_kex is False
    if names is not None and (lacking or not has_post_quantum(names)):
        demanded = profile.kex is not None and "post-quantum" in profile.kex.require
        yield Judgement(
            NO_POST_QUANTUM,
            severity="medium" if demanded else "note",
            message="no post-quantum key exchange" + (", which the profile requires" if demanded else ""),
            expected="mlkem768x25519-sha256 or sntrup761x25519-sha512",
            observed="none offered",
            references=(*(where if demanded else ()), *NO_POST_QUANTUM.references),
            deviation=demanded,
            cap=None if demanded else NO_POST_QUANTUM.cap,
        )
