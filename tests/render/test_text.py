import unicodedata
from collections.abc import Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.grading import FleetFacts, explain_finding, finding_types
from sshprobe.model.fleet import SharedKey
from sshprobe.model.name_lists import NAME_LISTS
from sshprobe.model.observation import Identification
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Remedy
from sshprobe.model.verdict import Effect, Grade, Waived
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.render.text.fleet_phrases import key_sentences
from sshprobe.render.text.fleet_table import fleet_table
from sshprobe.render.text.host_details import finding_details
from sshprobe.render.text.phrases import finding_label
from sshprobe.render.text.terminal import Terminal, printable
from sshprobe.views.fleet import SHOWN, SHOWN_VERBOSE, FleetBuilder
from sshprobe.views.host_stats import subject_of
from sshprobe.views.summary import SummaryBuilder
from tests.render.blocks import block_of
from tests.sample_records import CLEAN, WANTING, captured, debian12, failed, finding, judged


def a_remedy(
    lines: Sequence[str] = (),
    short_commands: Sequence[str] = (),
    grade: Grade = "A",
    score: int = 93,
    compliant: bool | None = True,
    **lists: Sequence[str] | bool,
) -> Remedy:
    """Return a remedy of an OpenSSH in /etc/ssh. `lists`: other fields of `Remedy`."""
    fields: dict[str, Any] = {
        "changes": [],
        "platform": None,
        "file": "/etc/ssh/sshd_config",
        "commands": [],
        "long_commands": [],
        "advice": [],
        "left": [],
        "left_briefly": [],
        "grade_is_partial": False,
        **lists,
    }
    return Remedy(
        lines=list(lines), short_commands=list(short_commands), grade=grade, score=score, compliant=compliant, **fields
    )


def test_one_host() -> None:
    remedy = a_remedy(["MACs -hmac-sha1,hmac-sha1-etm@openssh.com", "AuthenticationMethods publickey"])
    assert block_of(debian12(), Terminal(), remedies={"mozilla-modern": remedy}) == (
        """\
web1.example.org:22  OpenSSH 9.2p1 (Debian 12)              C   61   mozilla-modern: not compliant

  high    mac   hmac-sha1                      SHA-1; offered in both directions
  medium  kex   diffie-hellman-group14-sha256  2048-bit group; the profile asks for 3072
  medium  auth  password                       the profile wants publickey alone
  note    kex   sntrup761x25519-sha512         not in the profile, stronger than it asks

  To reach A (93), put first in /etc/ssh/sshd_config:
    MACs -hmac-sha1,hmac-sha1-etm@openssh.com
    AuthenticationMethods publickey

  192.0.2.1, 3 connections, 0.4 s. -v shows more.
"""
    )


def test_findings_with_the_same_message_share_a_line() -> None:
    names = ["aes128-cbc", "aes192-cbc", "aes256-cbc"]
    findings = [finding("cipher.weak", "medium", name, "CBC") for name in names]
    record = judged(debian12(), msgspec.structs.replace(WANTING, findings=findings))
    assert "  medium  cipher  aes128-cbc, aes192-cbc, aes256-cbc  CBC\n" in block_of(record, Terminal())
    assert "  aes128-cbc, aes192-cbc, aes256-cbc\n" in render([record])
    assert "CBC\n                    cipher.weak: " in block_of(record, Terminal(), verbose=True)


def test_findings_without_room_are_counted() -> None:
    names = ["rijndael-cbc@lysator.liu.se", "aes128-cbc", "3des-cbc", "blowfish-cbc"]
    findings = [finding("cipher.weak", "medium", name, "CBC") for name in names]
    record = judged(debian12(), msgspec.structs.replace(WANTING, findings=findings))
    assert "  rijndael-cbc@lysator.liu.se +3  CBC\n" in block_of(record, Terminal())
    assert "  rijndael-cbc@lysator.liu.se, aes128-cbc, 3des-cbc, blowfish-cbc\n" in render([record])


def test_the_password_is_named_first_among_equals() -> None:
    names = ["keyboard-interactive", "password"]
    findings = [finding("authentication.unlisted", "medium", name, "not wanted") for name in names]
    record = judged(debian12(), msgspec.structs.replace(WANTING, findings=findings))
    assert "  auth  password, keyboard-interactive  not wanted\n" in block_of(record, Terminal())
    assert "  password, keyboard-interactive\n" in render([record])


def test_a_finding_about_the_group_exchange_is_named() -> None:
    small = finding("group_exchange.modulus", "low", None, "2048-bit modulus")
    record = judged(debian12(), msgspec.structs.replace(WANTING, findings=[small]))
    assert "  low  group  group exchange  2048-bit modulus\n" in block_of(record, Terminal())


def test_the_block_names_the_result_of_the_remedy() -> None:
    def words(help_: Remedy, *, verbose: bool = False) -> str:
        return block_of(debian12(), Terminal(), remedies={"mozilla-modern": help_}, verbose=verbose)

    left = [f"thing {number}" for number in range(9)]
    assert "To reach A (93), put first in /etc" in words(a_remedy(["MACs x"]))
    assert "To match the profile, put first in /etc" in words(a_remedy(["MACs x"], grade="C", score=61))
    assert "To come closer to the profile, run:" in words(a_remedy([], ["run"], "C", 61, False))
    assert "This leaves:\n    thing 0\n" in words(a_remedy(["MACs x"], left_briefly=left))
    assert "To change by hand:\n    thing 0\n" in words(a_remedy(left_briefly=left))
    server = words(a_remedy(advice=["MACs: take out hmac-sha1"], left_briefly=left))
    assert "  Changes on this server to reach A (93):\n    MACs: take out hmac-sha1\n  This leaves:\n" in server
    assert "5 more with -v" in words(a_remedy(left_briefly=left))
    assert "thing 8" in words(a_remedy(left_briefly=left), verbose=True)


def test_long_commands_are_left_to_fix_and_keys_come_before_lines() -> None:
    small = msgspec.structs.replace(
        captured("openssh-debian12-9.2p1"), server_host_key_algorithms=["ssh-dss"], host_keys=None
    )
    profile = load_profile("mozilla-modern")
    record = msgspec.structs.replace(small, verdicts=[grade(small, profile)])
    text = block_of(record, Terminal(), remedies={profile.id: remedy(record, profile)})
    assert "  And moduli of 3072 bits and more: --fix prints the command\n" in text
    assert "awk" not in text
    made, line = text.index(" ssh-keygen -q -t ed25519 "), text.index("    HostKey /etc/ssh/ssh_host_ed25519_256_key\n")
    assert text.index("To reach ") < made < text.index("  Then, put first in /etc/ssh/sshd_config:\n") < line


def test_the_profile_that_is_met_is_named_among_several() -> None:
    record = debian12()
    other = msgspec.structs.replace(record.verdicts[0], profile="sshprobe-2026")
    both = msgspec.structs.replace(record, verdicts=[other, *record.verdicts])
    for help_, words in (
        (a_remedy(["x"]), "To reach A (93) under"),
        (a_remedy(["x"], grade="C", score=61), "To match"),
    ):
        text = block_of(both, Terminal(), remedies={"sshprobe-2026": help_})
        assert f"{words} sshprobe-2026, put first in /etc" in text


def test_lines_to_paste_are_never_wrapped() -> None:
    line = "KexAlgorithms " + ",".join(["sntrup761x25519-sha512@openssh.com"] * 9)
    assert f"    {line}\n" in block_of(debian12(), Terminal(60), remedies={"mozilla-modern": a_remedy([line], [line])})


def test_everything_with_v() -> None:
    other = msgspec.structs.replace(WANTING, profile="alibaba-ecs")
    block = block_of(judged(debian12(), WANTING, other), Terminal(), verbose=True)
    for heading in ("Key exchange methods", "Host key algorithms", "Ciphers", "MACs", "Compression"):
        assert f"\n  {heading}\n" in block
    for name in NAME_LISTS:
        assert f"{name}\n" not in block, "people read no names of record fields"
        for algorithm in getattr(debian12(), name):
            assert f"  {algorithm}  " in block
    for key in debian12().host_keys or ():
        assert key.fingerprint in block
    for text in ("mac.weak", "RFC 9142", "capped at 61", "alibaba-ecs", "asked for 1024 to 8192 bits", "root"):
        assert text in block
    assert all(len(line) <= 100 for line in block.splitlines())


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (62, "of all findings is 62; capped at 61 by mac.weak hmac-sha1"),
        (61, "of all findings is 61; the cap of 61 (mac.weak hmac-sha1) does not lower it"),
    ],
)
def test_a_cap_without_effect_is_not_reported_as_one(raw: int, words: str) -> None:
    record = judged(debian12(), msgspec.structs.replace(WANTING, raw_score=raw, cap=61))
    assert f"mozilla-modern 1: score 61. 100 less the points {words}" in " ".join(
        block_of(record, Terminal(), verbose=True).split()
    )


def test_a_finding_without_points_names_the_reason() -> None:
    without = msgspec.structs.replace(WANTING.findings[0], effect=Effect())
    said = [
        " ".join(" ".join(finding_details([each], "", Terminal(), across=across)).split())
        for each, across in ((WANTING.findings[0], False), (without, False), (without, True))
    ]
    assert ["no points of its own" in text for text in said] == [False, True, False]
    assert "costs nothing" in said[2]


def test_the_block_has_the_deviations_from_each_profile() -> None:
    sha1, group14, _, stronger = WANTING.findings
    md5 = [finding("mac.forbidden", "medium", name, "MUST NOT in the profile") for name in ("hmac-md5", "hmac-md5-96")]
    cis = msgspec.structs.replace(WANTING, profile="cis-debian-12", findings=[*md5, sha1, stronger])
    block = block_of(judged(debian12(), WANTING, cis), Terminal())
    assert (
        """
  cis-debian-12
  medium  mac  hmac-md5, hmac-md5-96  MUST NOT in the profile
  1 deviation is among the findings above
"""
        in block
    )
    # Nothing new: it refers to the reasons above.
    same = msgspec.structs.replace(cis, findings=[sha1, group14])
    block = block_of(judged(debian12(), WANTING, same), Terminal())
    assert "\n  cis-debian-12\n  2 deviations are among the findings above\n" in block
    # A long list is cut off, and -v has it.
    many = [finding("mac.unlisted", "low", f"m{n}", f"no {n}") for n in range(20)]
    record = judged(debian12(), *(msgspec.structs.replace(each, findings=many) for each in (WANTING, cis)))
    assert "  10 more with -v\n" in block_of(record, Terminal())
    assert all(f" m{n} " in block_of(record, Terminal(), verbose=True) for n in range(20))
    # A compliant profile without findings needs only its line at the top.
    fine = msgspec.structs.replace(CLEAN, profile="cis-debian-12")
    assert block_of(judged(debian12(), WANTING, fine), Terminal()).count("cis-debian-12") == 1


def test_a_further_profile_names_unobserved_and_waived() -> None:
    waived = Waived(reason="old switches", hosts="*", until="2027-01-31", effect=Effect(points=4), deviation=True)
    accepted = msgspec.structs.replace(finding("mac.unlisted", "low", "hmac-md5", "MD5"), waived=waived)
    other = msgspec.structs.replace(
        CLEAN, profile="alibaba-ecs", compliant=None, not_observed=["size of the RSA host key"], findings=[accepted]
    )
    block = block_of(judged(debian12(), WANTING, other), Terminal())
    assert "  alibaba-ecs\n  waived  mac  hmac-md5  MD5; low, waived for * until 2027-01-31: old switches\n" in block
    assert "\n  Not seen: size of the RSA host key\n" in block


@pytest.mark.parametrize("verbose", [False, True])
def test_passing_names_outside_the_list_are_counted(verbose: bool) -> None:
    notes = [finding("kex.stronger", "note", f"kex{n}", "not in the profile") for n in range(6)]
    passed = msgspec.structs.replace(CLEAN, findings=notes)
    words = "  compliant; 6 algorithms are not listed but no weaker: --strict counts them\n"
    assert words in block_of(judged(debian12(), passed), Terminal(), verbose=verbose)
    further = block_of(judged(debian12(), WANTING, msgspec.structs.replace(passed, profile="dev-sec")), Terminal())
    assert f"\n  dev-sec\n{words}" in further
    one = msgspec.structs.replace(CLEAN, findings=notes[:1])
    assert "1 algorithm is not listed but no weaker: --strict counts it" in block_of(
        judged(debian12(), one), Terminal()
    )
    wanting = msgspec.structs.replace(passed, compliant=False)
    for verdict in (wanting, CLEAN):
        assert "--strict" not in block_of(judged(debian12(), verdict), Terminal(), verbose=verbose)


def test_a_host_without_an_answer() -> None:
    assert block_of(failed("refused", "connection refused"), Terminal()) == (
        "192.0.2.200:22  connection refused\n\n  1 connection, 5.0 s.\n"
    )


def test_v_lists_no_algorithms_of_a_host_without_an_answer() -> None:
    text = block_of(failed("refused", "connection refused"), Terminal(), verbose=True)
    assert "last stage connect, status refused" in text
    assert "not seen" not in text
    silent = msgspec.structs.replace(debian12(), **dict.fromkeys(NAME_LISTS), verdicts=[])
    assert "\n  Algorithms\n    not seen\n" in block_of(silent, Terminal(), verbose=True)


def test_an_answer_that_is_too_long_for_a_line_has_lines_of_its_own() -> None:
    text = block_of(failed("timeout", "no connection within 5 s"), Terminal())
    assert text.startswith("192.0.2.200:22  timeout: no connection within 5 s\n")
    long = block_of(failed("protocol_error", "word " * 30), Terminal())
    assert long.startswith("192.0.2.200:22  protocol error\n  word word")
    assert all(len(line) <= Terminal().width for line in long.splitlines())


@pytest.mark.parametrize("waived", [False, True])
def test_ssh_1_is_named_once(waived: bool) -> None:
    said = Identification(
        raw="SSH-1.5-OpenSSH_1.2.27", protocol="1.5", software="OpenSSH_1.2.27", version="1.2.27", comments=None
    )
    record = msgspec.structs.replace(failed("ssh1_only", "the server speaks SSH-1 only"), identification=said)
    verdict = grade(record, load_profile("sshprobe-2026"))
    if waived:
        [found] = [each for each in verdict.findings if each.id == "protocol.ssh1"]
        waiver = Waived(reason="a museum", until="2027-01-01", hosts="*", effect=found.effect, deviation=True)
        verdict = msgspec.structs.replace(verdict, findings=[msgspec.structs.replace(found, waived=waiver)])
    help_ = {} if waived else {verdict.profile: remedy(record, load_profile("sshprobe-2026"))}
    block = block_of(judged(record, verdict), Terminal(), remedies=help_)
    table = render([judged(record, verdict)])
    assert block.count("SSH-1") == (2 if waived else 1)
    assert ("    protocol.ssh1: upgrade: OpenSSH before 2.0 has no SSH-2\n" in block) != waived
    assert "speaks SSH-1 only" in block
    assert ("192.0.2.200 (SSH-1 only)" in table) == waived
    assert ("speaks SSH-1 only" in table) != waived
    assert "1 target: 1 SSH-1 only." in table
    assert block_of(record, Terminal()).startswith("192.0.2.200:22  OpenSSH 1.2.27  the server speaks SSH-1 only\n")


def test_random_comments_are_not_software() -> None:
    """TinySSH makes new ones for each connection (tinysshd.c)."""
    blocks = set()
    for comments in ("7LL90qtr", "x1Ab3dEf"):
        record = captured("tinysshd-20230101")
        assert record.identification is not None
        said = msgspec.structs.replace(record.identification, comments=comments, raw=f"SSH-2.0-tinyssh {comments}")
        record = judged(msgspec.structs.replace(record, identification=said), CLEAN)
        blocks |= {block_of(record, Terminal()), render([record])}
        assert said.raw in block_of(record, Terminal(), verbose=True)  # the facts stay readable
    assert len(blocks) == 2
    assert not any("(" in line for block in blocks for line in block.splitlines() if "tinyssh" in line)


def test_a_partial_host_is_marked() -> None:
    record = msgspec.structs.replace(debian12(), status="partial", error="the host key exchange timed out")
    assert "partial: the host key exchange timed out. Not everything was seen." in block_of(record, Terminal())


@pytest.mark.parametrize("compliant", [False, None])
@pytest.mark.parametrize("verbose", [False, True])
def test_unobserved_facts_are_named_once(compliant: bool | None, verbose: bool) -> None:
    verdict = msgspec.structs.replace(WANTING, compliant=compliant, not_observed=["authentication methods"])
    block = block_of(judged(debian12(), verdict), Terminal(), verbose=verbose)
    assert block.count("Not seen: authentication methods") == 1


def test_colour_adds_nothing_but_colour() -> None:
    import re

    plain, coloured = (block_of(debian12(), Terminal(colour=colour)) for colour in (False, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain != coloured


def fleet() -> list[HostRecord]:
    return [
        judged(captured("openssh-debian12-9.2p1", "192.0.2.10"), WANTING),
        judged(captured("openssh-debian12-9.2p1", "192.0.2.9"), WANTING),
        judged(captured("openssh-9.9p2", "192.0.2.1"), CLEAN, msgspec.structs.replace(CLEAN, profile="alibaba-ecs")),
        failed("refused", "connection refused"),
        failed("not_ssh", "HTTP/1.1 400 Bad Request", "192.0.2.201"),
    ]


def render(
    records: list[HostRecord], *, verbose: bool = False, terminal: Terminal | None = None, kept_in: str | None = None
) -> str:
    table = FleetBuilder(verbose=verbose)
    summary, facts = SummaryBuilder(), FleetFacts()
    for record in records:
        facts.add(record)
        table.add(record)
        summary.add(record)
    view = table.build(summary.build(duration_ms=1500, fleet=facts.report()))
    return fleet_table(view, terminal or Terminal(), verbose=verbose, kept_in=kept_in)


def test_machines_are_counted_only_where_their_number_is_known() -> None:
    shared = SharedKey(fingerprint="SHA256:a", type="ssh-ed25519", hosts=["192.0.2.1:22", "192.0.2.2:22"], agree=False)
    three = msgspec.structs.replace(shared, hosts=[*shared.hosts, "192.0.2.3:22"])
    summary = SummaryBuilder().build(duration_ms=0)
    found = [key_sentences(msgspec.structs.replace(summary, shared_host_keys=[key]))[0] for key in (shared, three)]
    assert [words.partition(":")[0] for words in found] == [
        "1 host key is shared by 2 machines",
        "1 host key is shared by several machines at 3 addresses",
    ]


def test_a_sweep() -> None:
    text = render(fleet())
    assert [line.split()[0:3] for line in text.splitlines()[:6]] == [
        ["grade", "score", "host"],
        ["C", "61", "192.0.2.9"],
        ["C", "61", "192.0.2.10"],
        ["A+", "100", "192.0.2.1"],
        ["-", "192.0.2.200", "connection"],
        ["-", "192.0.2.201", "not"],
    ]
    assert "hmac-sha1" in text.splitlines()[1]
    assert text.splitlines()[3].endswith("A+ 100")  # findings of the second profile
    assert "\nGrade, score and worst are those of mozilla-modern.\n" in text
    assert "Grade, score" not in render(fleet()[:2])
    assert "5 targets: 3 ok, 1 not SSH, 1 refused. 11 connections in 1.5 s." in text
    assert "3 SSH servers, 2 not compliant with mozilla-modern." in text
    assert (
        "3 host keys are shared by 2 addresses that look identical (192.0.2.10, 192.0.2.9): one machine, or clones"
        in " ".join(text.split())
    )
    assert "Most common: diffie-hellman-group14-sha256 on 2, hmac-sha1 on 2, password on 2." in text
    coloured = render(fleet(), terminal=Terminal(colour=True))
    assert coloured.replace("\x1b[32m", "").replace("\x1b[33m", "").replace("\x1b[0m", "") == text


def test_a_narrow_screen_cuts_the_table_and_a_file_gets_it_whole() -> None:
    long = finding("kex.no_post_quantum", "medium", None, "no post-quantum key exchange, which the profile")
    wanting = msgspec.structs.replace(WANTING, findings=[long])
    server = judged(captured("openssh-debian12-9.2p1", "192.0.2.1"), wanting)
    records = [server, failed("refused", "connection refused")]
    whole = render(records)
    assert render(records, terminal=Terminal(60)).splitlines()[:3] == whole.splitlines()[:3]
    assert render(records, terminal=Terminal(200, cuts=True)) == render(records, terminal=Terminal(200))
    widest = max(map(len, whole.splitlines()[:3]))
    for width, shown in (
        (widest, "  192.0.2.1    OpenSSH 9.2p1 (Debian 12)  no post-quantum key exchange, which the profile"),
        (widest - 1, "  192.0.2.1    OpenSSH 9.2p1 (Debian...  no post-quantum key exchange, which the profile"),
        (80, "  192.0.2.1    OpenSSH 9.2p1...  no post-quantum key exchange"),
        (60, "  192.0.2.1    no post-quantum key exchange"),
    ):
        lines = render(records, terminal=Terminal(width, cuts=True)).splitlines()[:3]
        assert max(map(len, lines)) <= width
        assert lines[1].endswith(shown)


@pytest.mark.parametrize("awaited", ["an identification", "the key exchange"])
def test_the_table_shows_the_outcome_of_a_host_without_a_verdict(awaited: str) -> None:
    words = f"the connection was closed before {awaited}"
    assert f"  reset: {words}\n" in render([*fleet(), failed("reset", words)])


def test_common_findings_are_described() -> None:
    findings = [
        finding("group_exchange.modulus", "medium", None, "2048-bit groups"),
        finding("host_key.size", "medium", "ssh-rsa", "1024 bits"),
        finding("kex.weak", "medium", "diffie-hellman-group1-sha1", "SHA-1"),
    ]
    record = judged(debian12(), msgspec.structs.replace(WANTING, findings=findings))
    text = " ".join(render([record, msgspec.structs.replace(record, address="192.0.2.9")]).split())
    assert "Most common: diffie-hellman-group1-sha1 on 2, small host keys on 2, small moduli on 2." in text


def test_every_finding_with_a_cost_has_a_label() -> None:
    found = {}
    for id in finding_types():
        reason = id.partition(".")[2]
        if reason in ("forbidden", "unlisted", "stronger", "weak", "dated", "deadline") and id != "protocol.unlisted":
            assert finding_label(subject_of(finding(id, "high", "an-algorithm", "because"))) == "an-algorithm"
        elif explain_finding(id).severity != "note":
            found[id] = finding_label(subject_of(finding(id, "high", None, "because")))
            assert found[id] != reason.replace("_", " ")  # for findings of a later version
            assert not set("._") & set(found[id])
    assert len(set(found.values())) == len(found) > 20


def test_nothing_is_common_to_one_server() -> None:
    assert "Most common" not in render([debian12(), failed("timeout", None, "192.0.2.9")])


def test_many_silent_hosts_are_counted_and_listed_with_v() -> None:
    records = [*fleet(), *(failed("timeout", None, f"192.0.2.{last}") for last in range(100, 130))]
    assert "192.0.2.117" not in render(records)
    assert "31 targets gave no SSH answer; list them with -v." in render(records)
    assert "192.0.2.117" in render(records, verbose=True)
    kept = " ".join(render(records, kept_in="my file.jsonl").split())
    assert "; `sshprobe report 'my file.jsonl' --status refused --status timeout` lists them." in kept


def scored(number: int) -> list[HostRecord]:
    """Return `number` hosts with every score from 0 to 99, mixed."""
    hosts = []
    for index in range(number):
        verdict = msgspec.structs.replace(WANTING, score=index * 37 % 100)
        hosts.append(judged(captured("dropbear-2022.83", f"10.0.{index // 256}.{index % 256}"), verdict))
    return hosts


@pytest.mark.parametrize(("verbose", "shown"), [(False, SHOWN), (True, SHOWN_VERBOSE)])
def test_the_worst_of_a_large_fleet_are_listed_and_all_are_counted(verbose: bool, shown: int) -> None:
    hosts = scored(2300)
    text = render(hosts, verbose=verbose)
    rows = [line.split() for line in text.splitlines() if line.startswith("C ")]
    every = sorted((host.verdicts[0].score, [int(part) for part in host.host.split(".")]) for host in hosts)
    assert [(int(row[1]), [int(part) for part in row[2].split(".")]) for row in rows] == every[:shown]
    words = " ".join(text.split())
    assert "2,300 targets: 2,300 ok." in words
    assert "hmac-sha1 on 2,300" in words
    assert f"{2300 - shown:,} more hosts are not in the table, none worse than these:" in words
    assert ("-v lists up to 1,000; `-o FILE` records all." in words) is not verbose
    assert render(hosts[::-1], verbose=verbose) == text


def test_the_file_of_all_records_is_named() -> None:
    text = " ".join(render(scored(SHOWN + 1), kept_in="my file.jsonl").split())
    assert "none worse than these: my file.jsonl has all." in text
    assert "-o FILE" not in text


@pytest.mark.parametrize(
    ("kept_in", "resumable", "words"),
    [
        ("my file.jsonl", True, "the rest was not scanned. Resume it with `sshprobe scan --resume 'my file.jsonl'`."),
        ("all.json", False, "the rest was not scanned."),
        (None, False, "the rest was not scanned."),
    ],
)
def test_an_interrupted_scan_names_the_command_to_resume(kept_in: str | None, resumable: bool, words: str) -> None:
    view = FleetBuilder().build(SummaryBuilder().build(duration_ms=1, interrupted=True))
    assert f"\nInterrupted: {words}\n" in fleet_table(view, Terminal(), kept_in=kept_in, resumable=resumable)


def test_invented_names_are_counted_up_to_a_limit() -> None:
    table = FleetBuilder()
    summary = SummaryBuilder()
    for index in range(6000):
        made_up = finding("kex.unlisted", "low", f"mine-{index}@example.org", "unknown")
        findings = [made_up, *WANTING.findings]
        record = judged(captured("dropbear-2022.83"), msgspec.structs.replace(WANTING, findings=findings))
        table.add(record)
        summary.add(record)
    assert len(table._common) <= 4096
    text = fleet_table(table.build(summary.build(duration_ms=1500)), Terminal())
    assert "Most common: diffie-hellman-group14-sha256 on 6,000, hmac-sha1 on 6,000, password on 6,000." in text


@pytest.mark.parametrize(
    ("id_", "algorithm", "worst"),
    [
        ("host_key.weak", "ssh-rsa", "ssh-rsa"),
        ("host_key.size", "ssh-rsa", "ssh-rsa: 1024 bits; the profile asks for 3072"),
        ("group_exchange.modulus", None, "1024 bits; the profile asks for 3072"),
    ],
)
def test_the_worst_finding_distinguishes_a_short_key_from_an_algorithm(
    id_: str, algorithm: str | None, worst: str
) -> None:
    found = [finding(id_, "high", algorithm, "1024 bits; the profile asks for 3072")]
    text = render([judged(debian12(), msgspec.structs.replace(WANTING, findings=found))])
    assert text.splitlines()[1].endswith(f"  {worst}")


def test_excluded_hosts_are_not_counted_as_silent() -> None:
    excluded = [failed("excluded", None, f"192.0.2.{last}") for last in range(100, 112)]
    silent = [failed("timeout", None, f"192.0.2.{last}") for last in range(130, 150)]
    assert "21 targets gave no SSH answer, 12 were excluded; list them with -v." in render(
        [*fleet(), *silent, *excluded]
    )
    alone = render(excluded)
    assert "\n12 targets were excluded; list them with -v.\n" in alone
    assert "no SSH answer" not in alone
    assert alone.startswith("12 targets: 12 excluded.")


def test_order_changes_nothing() -> None:
    assert render(fleet()) == render(fleet()[::-1])


def test_nothing_at_all() -> None:
    assert "0 targets" in render([])


# Records files can come from anywhere, so no control byte of a field may reach the terminal.

HOSTILE = st.text(
    st.sampled_from("ab \x1b[2J\x07\r\n\t\x00\x85\u202e\u2028\\é") | st.characters(codec="utf-8"), max_size=12
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([values(each) for each in arguments])
    if origin is list:
        return st.lists(values(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    if kind is str:
        return HOSTILE
    if kind is int:
        return st.integers(-(2**63), 2**64 - 1)
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind is bool or kind is type(None):
        return st.sampled_from([True, False] if kind is bool else [None])
    hints = get_type_hints(kind)
    fields = {name: values(hints[name]) for name in kind.__struct_fields__}
    return st.fixed_dictionaries(fields).map(lambda each: kind(**each))


@settings(max_examples=200)
@given(values(HostRecord), st.lists(HOSTILE, max_size=2), st.integers(1, 200))
def test_no_control_byte_reaches_the_terminal(record: HostRecord, advice: list[str], width: int) -> None:
    help_ = a_remedy(advice, advice, left=advice, long_commands=advice)
    remedies = {verdict.profile: help_ for verdict in record.verdicts}
    terminal = Terminal(width)
    text = block_of(record, terminal, remedies=remedies) + block_of(record, terminal, verbose=True)
    text += render([record, record], terminal=terminal) + render([record], verbose=True)
    unsafe = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not [c for c in text if c != "\n" and unicodedata.category(c) in unsafe]
    assert printable(printable(record)) == printable(record)


@pytest.mark.parametrize("verbose", [False, True])
def test_a_banner_cannot_forge_a_line(verbose: bool) -> None:
    record = msgspec.structs.replace(debian12(), authentication_banner="x\nA+ 100 all is well\r", error="\x1b]0;t\x07")
    text = block_of(record, Terminal(), verbose=verbose)
    assert "\nA+" not in text
    assert "\x1b" not in text


def test_a_partial_grade_is_shown_with_a_question_mark() -> None:
    """The block, the table and the output of `--fix` mark it."""
    whole = debian12()
    verdicts = [msgspec.structs.replace(each, grade="A+", grade_is_partial=True) for each in whole.verdicts]
    partial = msgspec.structs.replace(whole, verdicts=verdicts)
    assert "A+?" in block_of(partial, Terminal(), remedies={"mozilla-modern": a_remedy(grade_is_partial=True)})
    assert "The ? means" in block_of(partial, Terminal())
    assert "To reach A? (93)" in block_of(
        partial, Terminal(), remedies={"mozilla-modern": a_remedy(["MACs x"], grade_is_partial=True)}
    )
    assert "?" not in block_of(whole, Terminal())
    for records, words in (([whole, partial], "1 host has a grade with ?"), ([whole, whole], None)):
        table = FleetBuilder()
        builder = SummaryBuilder()
        for record in records:
            table.add(record)
            builder.add(record)
        text = fleet_table(table.build(builder.build(duration_ms=1.0)), Terminal())
        assert ("A+?" in text) is (words is not None)
        assert words is None or words in text
