"""What a whole list lacks: a post-quantum key exchange, and signatures over more than SHA-1."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import lookup
from sshprobe.grading.score import NO_POST_QUANTUM_CAP, Judgement
from sshprobe.grading.strength import has_post_quantum
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile


def judge_together(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`kex.no_post_quantum`, a deviation where the profile requires it, and `host_key.sha1_only`."""
    names = observation.kex_algorithms
    where = () if profile.kex is None else (profile.cite(profile.kex),)
    # Of several servers at one address each has to have it: the list has what any of them offers.
    lacking = observation.several_servers and observation.post_quantum_kex is False
    if names is not None and (lacking or not has_post_quantum(names)):
        demanded = profile.kex is not None and "post-quantum" in profile.kex.require
        yield Judgement(
            id="kex.no_post_quantum",
            severity="medium" if demanded else "note",
            category="kex",
            message="no post-quantum key exchange" + (", which the profile requires" if demanded else ""),
            expected="mlkem768x25519-sha256 or sntrup761x25519-sha512",
            observed="none offered",
            references=(*(where if demanded else ()), "RFC 10042", "RFC 9941"),
            deviation=demanded,
            cap=None if demanded else NO_POST_QUANTUM_CAP,
        )
    offered = [name for name in observation.server_host_key_algorithms or () if name]
    entries = [lookup("host_key", name) for name in offered]
    if offered and all(entry is not None and entry.hash == "sha1" for entry in entries):
        yield Judgement(
            id="host_key.sha1_only",
            severity="low",
            category="host_key",
            message="signs with SHA-1 alone: OpenSSH's client refuses it since 8.8",
            expected="rsa-sha2-512, rsa-sha2-256, ssh-ed25519 or another over SHA-2",
            observed=", ".join(sorted(set(offered))),
            references=("RFC 8332", "OpenSSH 8.8 release notes"),
            points=0,  # each of its algorithms costs more
        )
