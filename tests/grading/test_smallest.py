"""A remedy is the smallest set of changes: without any one of them its promise is not kept."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sshprobe.grading import grade, remedy
from sshprobe.grading.advice import Context, is_openssh
from sshprobe.grading.changes import Step, after
from sshprobe.grading.dropbear_steps import dropbear_steps, dropbear_version
from sshprobe.grading.grade import judge
from sshprobe.grading.hypothetical import usable
from sshprobe.grading.openssh_steps import openssh_steps
from sshprobe.grading.plain_words import plain_steps
from sshprobe.profiles import Profile, load_profile
from sshprobe.records import Observation
from tests.grading.observations import identification, modern
from tests.grading.test_properties import PROFILES, observations

# What one definition takes is all of the one direction and nothing of the other.
TWO_DIRECTIONS = modern(
    identification=identification("SSH-2.0-dropbear_2022.83"),
    encryption_algorithms_client_to_server=["3des-cbc"],
    encryption_algorithms_server_to_client=["3des"],
)


@given(observations(), PROFILES, st.booleans())
@example(TWO_DIRECTIONS, load_profile("alibaba-ecs"), False)
@settings(max_examples=120)
def test_no_change_of_a_remedy_can_be_left_out(observation: Observation, profile: Profile, strict: bool) -> None:
    found = remedy(observation, profile, strict=strict)
    context = Context.of(observation, profile, judge(observation, profile, strict=strict))
    before = grade(observation, profile, strict=strict)
    find = openssh_steps if is_openssh(observation) else plain_steps
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
    # Nothing that could be taken before, of a list that had something, is taken from everybody.
    was, now = (usable(each, context.waived) for each in (observation, after(observation, steps)))
    assert all(later >= earlier for earlier, later in zip(was, now, strict=True))
    for step in steps:
        assert outcome([other for other in steps if other is not step]) != whole, step.change
