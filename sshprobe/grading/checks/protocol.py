"""The version of the protocol in the identification (RFC 4253 sections 4.2 and 5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding

SSH1 = FindingType(
    id="protocol.ssh1",
    title="Speaks SSH-1",
    severity="critical; high for 1.99",
    deviation="if the profile does not name it",
    when="the identification says 1.x",
    meaning="The identification says 1.99 (SSH-1 and SSH-2) or 1.x (only SSH-1).",
    why="A CRC protects the packets of SSH-1, so a man in the middle can alter them. SSH-1 alone does not protect.",
    see="`nc HOST 22` prints the identification: SSH-1.99- or SSH-1.5-.",
    fix="""OpenSSH 2.0 to 7.3: `Protocol 2` in sshd_config. Later releases have no SSH-1, so something else answers; 1.x
        has no SSH-2, so upgrade it. A server that speaks only SSH-1 may lack a host key for SSH-2, and sshd does not
        start without one: make it first, or upgrade releases before 2.5, which have only DSA keys. Other software:
        switch SSH-1 off, or replace the device.""",
    references=("RFC 4253 section 5", "OpenSSH 7.4 release notes"),
    label="SSH-1",
    codes={"ssh1": "SSH-1"},
    also_called=("ssh1", "ssh-1"),
)

UNLISTED = FindingType(
    id="protocol.unlisted",
    title="A protocol version that the profile does not name",
    severity="low",
    deviation="yes",
    when="the identification has a version other than SSH-1 that the profile does not name",
    why="No client knows what such a server means by it.",
    see="`nc HOST 22` prints the identification.",
    fix="Find out which software answers, and configure it for 2.0.",
    references=("RFC 4253 section 4.2",),
    label="unlisted protocol versions",
)


def _missing(host: GradedHost) -> Iterator[str]:
    if host.profile.protocol is not None and protocol_of(host.observation) is None:
        yield "identification"


@check(SSH1, UNLISTED, missing=_missing)
def protocol_version(host: GradedHost) -> Iterator[Finding]:
    """Find SSH-1 and unlisted versions (RFC 4253 section 5.1: "1.99" speaks both)."""
    profile = host.profile
    protocol = protocol_of(host.observation)
    if protocol is None:
        return
    allowed = None if profile.protocol is None else profile.protocol.allowed
    listed = allowed is None or protocol in allowed
    expected = "2.0" if allowed is None else ", ".join(allowed)
    where = () if profile.protocol is None else (profile.cite(profile.protocol),)
    if protocol.startswith("1."):
        both = protocol == "1.99"
        yield SSH1.judge(
            severity="high" if both else "critical",
            message="speaks SSH-1 besides SSH-2" if both else "speaks SSH-1 only",
            expected=expected,
            observed=protocol,
            references=(*where, *SSH1.references),
            deviation=not listed,
        )
    elif not listed:
        yield UNLISTED.judge(
            message="a protocol version that the profile does not name",
            expected=expected,
            observed=protocol,
            references=where,
        )


def protocol_of(observation: Observation) -> str | None:
    """Return the observed protocol version, "1.5" for a server that speaks only SSH-1.

    Leading zeros are dropped, as OpenSSH does: "02.0" is 2.0, and "01.99" speaks SSH-1.
    """
    if observation.identification is not None:
        return ".".join(part.lstrip("0") or "0" for part in observation.identification.protocol.split("."))
    return "1.5" if observation.status == "ssh1_only" else None
