"""A remedy is the smallest set of changes: each one is needed for the promised grade."""

from __future__ import annotations

import datetime

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType
from sshprobe.model.observation import Observation
from sshprobe.profiles import AuthenticationRule, Profile, Waiver, load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.remedy.dropbear import dropbear_steps, dropbear_version
from sshprobe.remedy.names_to_remove import prepare_context
from sshprobe.remedy.openssh import openssh_steps
from sshprobe.remedy.other_servers import other_server_steps
from sshprobe.remedy.platforms import platform_of
from sshprobe.remedy.steps import Step, after
from sshprobe.remedy.what_if import usable
from tests.grading.observations import identification, modern
from tests.grading.test_properties import PROFILES, observations

# One definition removes all of one direction and nothing of the other.
TWO_DIRECTIONS = modern(
    identification=identification("SSH-2.0-dropbear_2022.83"),
    encryption_algorithms_client_to_server=["3des-cbc"],
    encryption_algorithms_server_to_client=["3des"],
)
# One definition removes the only name of one direction, which is an alias of the name that the definition brings.
ALIAS_ALONE = modern(
    identification=identification("SSH-2.0-dropbear_2022.83"),
    encryption_algorithms_client_to_server=["chacha20-poly1305"],
    encryption_algorithms_server_to_client=["3des", "3des-cbc", "acss@openssh.org", "chacha20-poly1305@openssh.com"],
)
# The definition that would be compiled in causes a finding: without it, nothing may be removed.
CURVES_ALONE = modern(
    identification=identification("SSH-2.0-dropbear_2025.89"),
    kex_algorithms=["ecdh-sha2-h/SsxnLCtRBh7I9ATyeB3A=="],
)
# Without a MAC, only AEAD ciphers work.
NO_MACS = modern(
    identification=identification("SSH-2.0-Go"),
    mac_algorithms_client_to_server=[],
)
# One option disables all it has, and the profile allows nothing that this release has.
GSS_ALONE = modern(kex_algorithms=["gss-13.3.132.0.10-sha256-toWM5Slw5Ew8Mqkay+al2g=="])

# One step would add a finding and is dropped; the others alone gain no point, and go too.
BEYOND_REPAIR = modern(
    identification=identification("SSH-2.0-dropbear_2022.83"),
    kex_algorithms=None,
    server_host_key_algorithms=["ssh-dss-cert-v00@openssh.com", "ecdsa-sha2-1.2.840.10045.3.1.1"],
    host_keys=None,
    group_exchange=None,
    encryption_algorithms_client_to_server=None,
    encryption_algorithms_server_to_client=["3des", "3des-cbc", "acss@openssh.org", "aes128-cbc"],
    mac_algorithms_client_to_server=["hmac-md5", "hmac-md5-96"],
    mac_algorithms_server_to_client=None,
    compression_algorithms_client_to_server=None,
    compression_algorithms_server_to_client=None,
    authentication_methods=["publickey", "password", "keyboard-interactive", "hostbased"],
)
PASSWORDS = Profile(
    id="passwords",
    title="Keys and passwords",
    version="1",
    date="2026",
    source="here",
    authentication=AuthenticationRule(where="here", allowed=("publickey", "password")),
)


def with_waivers(profile: Profile) -> st.SearchStrategy[Profile]:
    kinds = [
        f"{category}.{kind}" for category in ALGORITHM_TYPES for kind in ("forbidden", "unlisted", "stronger", "weak")
    ]
    waived = st.lists(st.sampled_from([*kinds, "authentication.unlisted", "kex.terrapin"]), max_size=3, unique=True)
    return waived.map(lambda ids: msgspec.structs.replace(profile, waiver=tuple(map(_waiver, ids))))


def _waiver(finding: str) -> Waiver:
    return Waiver(finding=finding, hosts=("*",), reason="old", until=datetime.date(2099, 1, 1))


@given(observations(), PROFILES.flatmap(with_waivers), st.booleans())
@example(TWO_DIRECTIONS, load_profile("alibaba-ecs"), False)
@example(ALIAS_ALONE, load_profile("stig-rhel-9"), False)
@example(CURVES_ALONE, load_profile("openssh-9.2"), True)
@example(NO_MACS, load_profile("openssh-5.3"), False)
@example(GSS_ALONE, load_profile("openssh-3.0"), False)
@example(BEYOND_REPAIR, PASSWORDS, False)
@settings(max_examples=120)
def test_no_change_of_a_remedy_can_be_left_out(observation: Observation, profile: Profile, strict: bool) -> None:
    found = remedy(observation, profile, strict=strict)
    before = grade(observation, profile, strict=strict)
    context = prepare_context(observation, profile, before.findings, strict=strict)
    before = msgspec.structs.replace(before, findings=[each for each in before.findings if each.waived is None])
    find = openssh_steps if platform_of(observation) else other_server_steps
    if dropbear_version(observation) is not None:
        find = dropbear_steps
    steps = [step for step in find(context, before) if step.change in found.changes]
    assert [step.change for step in steps] == found.changes

    def outcome(some: list[Step]) -> tuple[object, ...]:
        changed = after(observation, some)
        verdict = grade(changed, profile, strict=strict)
        deviations = {(finding.id, finding.algorithm) for finding in verdict.findings if finding.deviation}
        left = deviations if verdict.compliant is False else set()
        return verdict.grade, verdict.score, verdict.compliant, left, usable(changed, context.waived)

    whole = outcome(steps)
    assert whole[:3] == (found.grade, found.score, found.compliant)
    # No list loses its last usable name; and where a name was usable
    # without a waiver, one remains.
    waived = context.waived
    bad: dict[AlgorithmType, frozenset[str]] = {
        category: context.to_remove[category] | waived[category] for category in ALGORITHM_TYPES
    }
    was, now = usable(observation, bad), usable(after(observation, steps), waived)
    assert all(later >= earlier for earlier, later in zip(was, now, strict=True))
    for step in steps:
        assert outcome([other for other in steps if other is not step]) != whole, step.change
