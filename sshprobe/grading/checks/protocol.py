"""The version of the protocol in the identification (RFC 4253 sections 4.2 and 5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.score import Judgement
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile


def judge_protocol(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`protocol.ssh1` and `protocol.unlisted` (RFC 4253 section 5.1: "1.99" speaks both)."""
    protocol = protocol_of(observation)
    if protocol is None:
        return
    allowed = None if profile.protocol is None else profile.protocol.allowed
    listed = allowed is None or protocol in allowed
    expected = "2.0" if allowed is None else ", ".join(allowed)
    where = () if profile.protocol is None else (profile.cite(profile.protocol),)
    if protocol.startswith("1."):
        both = protocol == "1.99"
        yield Judgement(
            id="protocol.ssh1",
            severity="high" if both else "critical",
            category="protocol",
            algorithm=None,
            message="speaks SSH-1 besides SSH-2" if both else "speaks SSH-1 only",
            expected=expected,
            observed=protocol,
            references=(*where, "RFC 4253 section 5", "OpenSSH 7.4 release notes"),
            deviation=not listed,
        )
    elif not listed:
        yield Judgement(
            id="protocol.unlisted",
            severity="low",
            category="protocol",
            message="a protocol version that the profile does not name",
            expected=expected,
            observed=protocol,
            references=where,
            deviation=True,
        )


def protocol_of(observation: Observation) -> str | None:
    """The protocol version that was seen; a server that is known to be SSH-1 only counts as "1.5".

    Without leading zeros, as OpenSSH reads it: "02.0" is 2.0, and "01.99" speaks SSH-1.
    """
    if observation.identification is not None:
        return ".".join(part.lstrip("0") or "0" for part in observation.identification.protocol.split("."))
    return "1.5" if observation.status == "ssh1_only" else None
