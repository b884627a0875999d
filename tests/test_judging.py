"""What is alike is judged once, and nothing that a verdict depends on is left out of "alike"."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sshprobe.grading import grade
from sshprobe.judging import KEPT, NOT_JUDGED, Judge, line_of, record_of
from sshprobe.profiles import load_profile
from sshprobe.records import HostRecord, Observation
from tests.grading.observations import captured as captured_from
from tests.grading.observations import modern

PROFILES = [load_profile("mozilla-modern"), load_profile("alibaba-ecs")]

CAPTURES = Path(__file__).parent / "captures"


def captured(name: str) -> Observation:
    return captured_from(CAPTURES / f"{name}.json")


OTHERWISE = {
    "schema": "1.9",
    "target": "other",
    "host": "other.example",
    "address": "192.0.2.99",
    "port": 2222,
    "error": "something",
    "stage": "authentication",
    "started_at": "2030-01-01T00:00:00.000Z",
    "duration_ms": 99.0,
    "connections": 9,
    "lines_before_identification": ["hello"],
    "authentication_banner": "hello",
    "hassh_server": "0" * 32,
    "warnings": ["odd"],
}


def test_every_field_that_is_left_out_is_tried() -> None:
    assert set(OTHERWISE) == NOT_JUDGED
    assert set(Observation.__struct_fields__) >= NOT_JUDGED


@pytest.mark.parametrize("field", sorted(NOT_JUDGED))
@pytest.mark.parametrize("name", ["openssh-5.3p1", "openssh-debian12-9.2p1", "tinysshd-20250501", "paramiko-5.1.0"])
def test_no_verdict_depends_on_what_is_left_out(field: str, name: str) -> None:
    observation = captured(name)
    other = msgspec.structs.replace(observation, **{field: OTHERWISE[field]})
    for profile in PROFILES:
        assert grade(observation, profile) == grade(other, profile)


def test_the_same_kind_is_judged_once() -> None:
    judge = Judge(PROFILES, strict=False)
    first = judge.judged(modern())
    second = judge.judged(msgspec.structs.replace(modern(), **OTHERWISE))
    assert second is first
    assert [verdict.profile for verdict in first.verdicts] == ["mozilla-modern", "alibaba-ecs"]


def test_another_kind_is_judged_anew() -> None:
    judge = Judge(PROFILES, strict=False)
    good = judge.judged(modern())
    weak = judge.judged(modern(encryption_algorithms_server_to_client=["aes128-ctr", "3des-cbc"]))
    assert good.number != weak.number
    assert good.verdicts[0].compliant is True
    assert weak.verdicts[0].compliant is False
    assert judge.judged(modern(encryption_algorithms_server_to_client=None)).verdicts[0].compliant is None


def test_lines_are_records() -> None:
    judge = Judge(PROFILES, strict=True)
    for observation in (modern(), captured("openssh-5.3p1"), modern(status="refused", kex_algorithms=None)):
        judged = judge.judged(observation)
        line = line_of(judge.head(observation), judged.encoded)
        record = record_of(observation, judged)
        assert msgspec.json.decode(line, type=HostRecord) == record
        assert line == msgspec.json.encode(record)


def test_what_is_kept_is_bounded() -> None:
    judge = Judge(PROFILES[:1], strict=False)
    numbers = {judge.judged(modern(authentication_user=f"user{number}")).number for number in range(KEPT + 50)}
    assert len(numbers) == KEPT + 50
    assert len(judge._known) == KEPT
