"""What is alike is judged once, and nothing that a verdict depends on is left out of "alike"."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sshprobe.grading import grade
from sshprobe.judging import JUDGED_WITH_A_CERTIFICATE, NOT_JUDGED, Judge, line_of, record_of
from sshprobe.profiles import load_profile
from sshprobe.recent import KEPT, KEPT_BYTES, Recent
from sshprobe.records import HostRecord, Identification, Observation
from tests.grading.observations import captured as captured_from
from tests.grading.observations import certified, modern

DEBIAN = Identification(raw="SSH-2.0-OpenSSH_9.2p1", protocol="2.0", software="OpenSSH_9.2p1", version="9.2p1")
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


def with_a_certificate() -> Observation:
    """Of one year, from the start of 2026 on, for one name."""
    name = "ssh-ed25519-cert-v01@openssh.com"
    key = certified(name, 256, valid_after=1767225600, valid_before=1798761600, principals=["server.example"])
    return modern(server_host_key_algorithms=[name, "ssh-ed25519"], host_keys=[key])


@pytest.mark.parametrize("field", sorted(NOT_JUDGED - set(JUDGED_WITH_A_CERTIFICATE)))
def test_nor_does_it_with_a_certificate(field: str) -> None:
    observation = with_a_certificate()
    other = msgspec.structs.replace(observation, **{field: OTHERWISE[field]})
    for profile in PROFILES:
        assert grade(observation, profile) == grade(other, profile)


@pytest.mark.parametrize("field", JUDGED_WITH_A_CERTIFICATE)
def test_with_a_certificate_the_moment_and_the_name_make_another_kind(field: str) -> None:
    judge = Judge(PROFILES, strict=False)
    first = judge.judged(with_a_certificate())
    assert judge.judged(with_a_certificate()) is first
    other = msgspec.structs.replace(with_a_certificate(), **{field: OTHERWISE[field]})
    assert judge.judged(other).verdicts == [grade(other, profile) for profile in PROFILES]
    assert judge.judged(other).verdicts != first.verdicts
    plain = judge.judged(modern())
    assert judge.judged(msgspec.structs.replace(modern(), **{field: OTHERWISE[field]})) is plain


def test_comments_are_judged_unless_they_are_random() -> None:
    judge = Judge(PROFILES, strict=False)
    old, mended = (
        modern(identification=msgspec.structs.replace(DEBIAN, comments=comments, raw=f"{DEBIAN.raw} {comments}"))
        for comments in ("Debian-2+deb12u1", "Debian-2+deb12u3")
    )
    assert judge.judged(old).verdicts == [grade(old, profile) for profile in PROFILES]
    assert judge.judged(mended).verdicts == [grade(mended, profile) for profile in PROFILES]
    assert judge.judged(old).verdicts != judge.judged(mended).verdicts, "regreSSHion is mended in the second"
    tiny = captured("tinysshd-20250501")
    assert tiny.identification is not None
    other = msgspec.structs.replace(tiny.identification, comments="others")
    assert judge.judged(msgspec.structs.replace(tiny, identification=other)) is judge.judged(tiny)


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
    assert len(judge._known) <= KEPT


def test_large_verdicts_are_kept_by_their_size() -> None:
    """A server that makes names up has a finding for each of them, and its next connection brings others."""
    judge = Judge(PROFILES[:1], strict=False)
    made_up = [[f"{letter}{number:06}@example.org" for number in range(400)] for letter in "abcdefghijklmnopqrstuvwxyz"]
    sizes = [len(judge.judged(modern(mac_algorithms_client_to_server=names)).encoded) for names in made_up]
    assert sum(sizes) > KEPT_BYTES
    assert max(sizes) <= judge._known._weight <= KEPT_BYTES
    assert len(judge._known) < len(made_up)


def test_one_that_is_larger_than_all_that_may_be_kept_is_kept_alone() -> None:
    recent: Recent[str, int] = Recent()
    recent.put("small", 1, 10)
    recent.put("huge", 2, KEPT_BYTES + 1)
    assert (recent.get("small"), recent.get("huge"), len(recent)) == (None, 2, 1)
    recent.put("small", 3, 10)
    assert (recent.get("small"), recent.get("huge"), recent._weight) == (3, None, 10)
