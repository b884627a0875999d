import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
import pytest

from sshprobe.cli.exit_codes import exit_code, reached
from sshprobe.cli.main import COMMANDS
from sshprobe.cli.main import sshprobe as sshprobe_group
from sshprobe.cli.options.values import HEADINGS
from sshprobe.grading import finding_types
from sshprobe.model.finding_table import LABELS
from sshprobe.model.records import HostRecord, Record
from tests.sample_records import HEADER, captured, debian12, failed

HEAVY = ("asyncio", "asyncssh", "cryptography", "msgspec", "paramiko", "rich", "uvloop")


def sshprobe(
    *arguments: str, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), **(env or {})}
    command = [sys.executable, "-W", "error", "-m", "sshprobe", *arguments]
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, env=environment, check=False)


def write(path: Path, hosts: Sequence[HostRecord]) -> None:
    records: list[Record] = [HEADER, *hosts]
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    names = ("openssh-debian12-9.2p1", "openssh-5.3p1", "dropbear-2022.83", "tinysshd-20230101")
    hosts = [captured(name, f"192.0.2.{last}") for last, name in enumerate(names, start=1)]
    write(tmp_path / "saved.jsonl", [*hosts, failed("timeout", "no answer")])
    return tmp_path


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_light_commands_import_nothing_heavy(argument: str, tmp_path: Path) -> None:
    code = (
        "import sys; from sshprobe.cli import main\n"
        f"assert main([{argument!r}]) == 0\n"
        f"loaded = {{name.partition('.')[0] for name in sys.modules}} & set({HEAVY!r})\n"
        "assert not loaded, loaded\n"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert run.returncode == 0, run.stderr.decode()


def test_help_lists_every_command_with_its_summary(tmp_path: Path) -> None:
    out = sshprobe("--help", cwd=tmp_path).stdout.decode()
    for name, lazy in COMMANDS.items():
        assert lazy.help in out
        run = sshprobe(name, "--help", cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, b"")
        assert "-h, --help" in run.stdout.decode()


def test_grade_for_people(saved: Path) -> None:
    run = sshprobe("grade", "saved.jsonl", cwd=saved)
    assert (run.returncode, run.stderr) == (0, b"")
    out = run.stdout.decode()
    assert "192.0.2.1:22  OpenSSH 9.2p1 (Debian 12)" in out
    assert ["grade", "score", "host", "software", "worst"] in [line.split() for line in out.splitlines()]
    assert "5 targets: 4 ok, 1 timeout." in out
    assert "\x1b" not in out


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_grade_for_machines(format_: str, saved: Path) -> None:
    arguments = ("--profile", "mozilla-modern", "--profile", "alibaba-ecs", "--format", format_)
    run = sshprobe("grade", "saved.jsonl", *arguments, cwd=saved)
    assert (run.returncode, run.stderr) == (0, b"")
    lines = [json.loads(line) for line in run.stdout.splitlines()] if format_ == "jsonl" else []
    document = {"sweep": lines[0], "hosts": lines[1:-1], "summary": lines[-1]} if lines else json.loads(run.stdout)
    assert document["sweep"]["started_at"] == HEADER.started_at
    assert [profile["id"] for profile in document["sweep"]["profiles"]] == ["mozilla-modern", "alibaba-ecs"]
    assert [len(host["verdicts"]) for host in document["hosts"]] == [2, 2, 2, 2, 0]
    assert document["summary"]["statuses"] == {"ok": 4, "timeout": 1}
    # The written file can be graded again, with the same result.
    (saved / "again").write_bytes(run.stdout)
    assert sshprobe("grade", "again", *arguments, cwd=saved).stdout == run.stdout
    assert sshprobe("grade", "-", *arguments, cwd=saved, stdin=run.stdout).stdout == run.stdout


def test_output_file_and_report(saved: Path) -> None:
    shown = sshprobe("grade", "saved.jsonl", cwd=saved).stdout
    lines = sshprobe("grade", "saved.jsonl", "--format", "jsonl", cwd=saved).stdout
    document = sshprobe("grade", "saved.jsonl", "--format", "json", cwd=saved).stdout
    for name, extra, content in (
        ("a.jsonl", (), lines),
        ("a.json", (), document),
        ("a", (), lines),
        ("b.out", ("--format", "json"), document),
        ("report.txt", ("--format", "table"), shown),
    ):
        run = sshprobe("grade", "saved.jsonl", "-o", name, *extra, cwd=saved)
        assert (run.returncode, run.stdout) == (0, shown)
        assert (saved / name).read_bytes() == content


def test_many_hosts_are_a_table_and_blocks_with_v(tmp_path: Path) -> None:
    write(tmp_path / "many.jsonl", [captured("openssh-9.9p2", f"192.0.2.{last}") for last in range(1, 20)])
    short = sshprobe("grade", "many.jsonl", cwd=tmp_path).stdout.decode()
    assert "  MACs\n" not in short
    assert "connections, 0.4 s" not in short
    long = sshprobe("grade", "many.jsonl", "-v", cwd=tmp_path).stdout.decode()
    assert long.count("\n  MACs\n") == 19


def test_hostile_records_do_not_reach_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\n\u202e\x9b2J"
    record = msgspec.structs.replace(debian12(), verdicts=[], warnings=[evil], authentication_banner=evil)
    record = msgspec.structs.replace(record, kex_algorithms=[evil, *(record.kex_algorithms or [])], error=evil)
    write(tmp_path / "evil.jsonl", [record, failed("reset", evil)])
    for arguments in ((), ("-v",)):
        out = sshprobe("grade", "evil.jsonl", *arguments, cwd=tmp_path).stdout.decode()
        assert not set("\x1b\x07\x9b\u202e") & set(out)
        assert "owned" in out


def test_nothing_to_grade_is_3(tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", [failed("refused", "connection refused")])
    assert sshprobe("grade", "r.jsonl", "--fail-on", "noncompliant", cwd=tmp_path).returncode == 3


def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", [failed("reset", "größe")])
    run = sshprobe("grade", "r.jsonl", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert run.returncode == 3
    assert b"gr\\xf6\\xdfe" in run.stdout


def test_a_closed_reader_is_not_an_error(saved: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "sshprobe", "grade", "saved.jsonl", "-v"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    try:
        run = subprocess.run(command, cwd=saved, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    finally:
        os.close(writer)
    assert (run.returncode, run.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", ["> /dev/full", "-o /dev/full", "--format json > /dev/full"])
def test_a_full_disk_is_one_line(arguments: str, saved: Path) -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run(
        f"{sys.executable} -m sshprobe grade saved.jsonl {arguments}",
        shell=True,
        cwd=saved,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    file = "/dev/full" if "-o" in arguments else "standard output"
    assert (run.returncode, run.stderr.decode()) == (2, f"error: {file}: cannot be written: No space left on device\n")


def test_profiles(tmp_path: Path) -> None:
    out = sshprobe("profiles", "list", cwd=tmp_path).stdout.decode()
    ids = [line.split()[0] for line in out.splitlines()[1:]]
    assert {"mozilla-modern", "mozilla-intermediate", "alibaba-ecs"} <= set(ids)
    listed = json.loads(sshprobe("profiles", "list", "--format", "json", cwd=tmp_path).stdout)
    assert [*(each["id"] for each in listed), "openssh-X.Y"] == ids
    # Both name unverified parts.
    doubted = {each["id"] for each in listed if each["unverified"]}
    assert doubted == {line.split()[0] for line in out.splitlines() if line.endswith("(not wholly verified)")}
    assert doubted >= {"bsi-tr-02102-4", "cis-debian-12"}
    for id_ in ("alibaba-ecs", "bsi-tr-02102-4", "sshprobe-2026", "mozilla-client-modern", "openssh-9.2"):
        shown = sshprobe("profiles", "show", id_, cwd=tmp_path).stdout.decode()
        assert shown.split()[:2] == ["id", id_]
        assert ("unverified" in shown) == (id_ in doubted)
        assert json.loads(sshprobe("profiles", "show", id_, "--format", "json", cwd=tmp_path).stdout)["id"] == id_
        toml = sshprobe("profiles", "show", id_, "--format", "toml", cwd=tmp_path).stdout
        (tmp_path / "mine.toml").write_bytes(toml)
        run = sshprobe("profiles", "check", "mine.toml", cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, b"")
        assert run.stdout.decode().startswith(f"mine.toml: ok ({id_}, ")
        if "client" in id_:
            continue
        # A user's profile works as the built-in one does.
        write(tmp_path / "r.jsonl", [captured("openssh-9.9p2")])
        mine, built_in = (
            sshprobe("grade", "r.jsonl", "--profile", name, cwd=tmp_path).stdout for name in ("mine.toml", id_)
        )
        assert mine == built_in != b""


def test_a_profile_as_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    assert main(["profiles", "show", "mozilla-modern", "--format", "sshd_config", "--openssh", "9.2p1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# mozilla-modern 2022-07, for OpenSSH 9.2: ")
    assert "\nAuthenticationMethods publickey\n" in out
    assert main(["profiles", "show", "mozilla-modern", "--format", "ssh_config"]) == 0
    assert "\nRequiredRSASize 3072\n" in capsys.readouterr().out


def test_a_profile_of_clients_grades_no_server(tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", [captured("openssh-9.9p2")])
    for command in (("grade", "r.jsonl"), ("scan", "127.0.0.1")):
        run = sshprobe(*command, "--profile", "mozilla-client-modern", cwd=tmp_path)
        assert (run.returncode, run.stdout) == (2, b"")
        assert run.stderr.decode().splitlines() == [
            "error: profile `mozilla-client-modern` says what a client should offer, and a scan sees servers: "
            "`sshprobe profiles show mozilla-client-modern` prints it"
        ]


def test_unverified_parts_are_named_once_per_report(tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", [captured("openssh-9.9p2"), captured("openssh-6.7p1")])
    wanted = ("--profile", "mozilla-modern", "--profile", "bsi-tr-02102-4")
    report = sshprobe("grade", "r.jsonl", *wanted, "-v", "-o", "report.json", cwd=tmp_path).stdout.decode()
    assert report.count("bsi-tr-02102-4, not verified: the text of the BSI was not read") == 1
    assert "mozilla-modern, not verified" not in report
    assert "[not verified]" in report
    sweep = json.loads((tmp_path / "report.json").read_text())["sweep"]
    modern, bsi = sweep["profiles"]
    assert "unverified" not in modern
    assert bsi["unverified"].startswith("the text of the BSI was not read")
    plain = sshprobe("grade", "r.jsonl", "--profile", "mozilla-modern", "-v", cwd=tmp_path).stdout.decode()
    assert "mozilla-modern, not verified" not in plain
    assert "[not verified]" not in plain


def test_there_is_a_profile_of_every_release_of_openssh(tmp_path: Path) -> None:
    run = sshprobe("profiles", "show", "openssh-11.0", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr == (
        b"error: unknown profile `openssh-11.0`: there is one for each release of portable OpenSSH, "
        b"openssh-3.0 to openssh-10.6\n"
    )


def test_a_profile_of_a_saved_host(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    records, made = str(saved / "saved.jsonl"), str(saved / "made.toml")
    for host in ("192.0.2.1", "192.0.2.1:22"):
        assert main(["profiles", "make", host, "--from-records", records, "-o", made, "--id", "ours", "--force"]) == 0
        assert main(["profiles", "check", made]) == 0
        assert capsys.readouterr().out == f"{made}: ok (ours, 2026-11-20)\n"
    assert main(["profiles", "make", "--from-records", records]) == 2
    assert capsys.readouterr().err.endswith("saved.jsonl: has 5 hosts: name one host\n")
    assert main(["profiles", "make", "192.0.2.9", "--from-records", records]) == 2
    assert capsys.readouterr().err.endswith("has 0 records of 192.0.2.9: name one host\n")


def test_no_profile_of_a_host_that_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main
    from sshprobe.lab.process import free_port

    made = tmp_path / "made.toml"
    assert main(["profiles", "make", f"127.0.0.1:{free_port('127.0.0.1')}", "-o", str(made)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "was not observed in full: refused" in captured.err
    assert not made.exists()


def test_the_date_of_a_waiver_may_be_quoted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    file = tmp_path / "ours.toml"
    head = 'id = "ours"\ntitle = "Ours"\nversion = "1"\ndate = "2026"\nsource = "s"\nextends = "mozilla-modern"\n'
    waiver = '[[waiver]]\nfinding = "mac.unlisted"\nhosts = ["10.1.*"]\nreason = "r"\nuntil = "2999-01-01"\n'
    file.write_text(head + waiver)
    assert main(["profiles", "check", "--strict", str(file)]) == 0
    file.write_text(head + waiver.replace("2999-01-01", "2999-1-1"))
    assert main(["profiles", "check", str(file)]) == 2
    assert f"{file}:11: waiver.until: " in capsys.readouterr().err


def test_a_cve_is_explained_by_the_findings_that_cite_it(capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    for name, first in (("CVE-2023-48795", "kex.terrapin"), ("cve-2017-15361", "host_key.roca")):
        assert main(["explain", name]) == 0
        assert capsys.readouterr().out.split()[:2] == ["id", first]
    assert main(["explain", "cve-2024-6387"]) == 0
    assert "regreSSHion" in capsys.readouterr().out
    assert main(["explain", "CVE-1999-1"]) == 2


def test_notes_on_waivers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    file = tmp_path / "ours.toml"
    head = 'id = "ours"\ntitle = "Ours"\nversion = "1"\ndate = "2026"\nsource = "s"\nextends = "mozilla-modern"\n'
    waiver = '[[waiver]]\nfinding = "mac.unlisted"\nhosts = ["10.1.*"]\nreason = "r"\nuntil = 2999-01-01\n'
    file.write_text(head + waiver)
    assert main(["profiles", "check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: ok (ours, 1)\n"
    changed = waiver.replace("10.1.*", "*").replace("2999", "2001").replace("mac.unlisted", "mac.unlsted")
    file.write_text(head + changed + 'severity = "critical"\n')
    assert main(["profiles", "check", str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{file}: note: the waiver of mac.unlsted waives nothing: there is no such finding",
        f"{file}: note: the waiver of mac.unlsted ran out on 2001-01-01",
        f"{file}: note: the waiver of mac.unlsted is for every host: `*`",
        f"{file}: note: the waiver of mac.unlsted covers critical findings",
    ]
    assert main(["profiles", "check", "--strict", str(file)]) == 2
    assert capsys.readouterr().out.count(": note: ") == 4
    assert main(["profiles", "show", str(file)]) == 0
    out = capsys.readouterr().out
    assert ["until", "2001-01-01"] in [line.split() for line in out.splitlines()]
    assert ["extends", "mozilla-modern", "2022-07"] in [line.split() for line in out.splitlines()]
    assert main(["profiles", "show", str(file), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["waiver"][0]["until"] == "2001-01-01"


def test_an_empty_section_of_a_profile_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    for id_, there in (("mozilla-modern", True), ("alibaba-ecs", False)):
        assert main(["profiles", "show", id_]) == 0
        assert ("\n  advised_bits\n" in capsys.readouterr().out) is there


def test_explain(tmp_path: Path) -> None:
    for name in ("hmac-sha1", "ssh-ed25519", "diffie-hellman-group14-sha256", "aes128-cbc", "zlib"):
        run = sshprobe("explain", name, cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, b"")
        assert name in run.stdout.decode()
        assert "mozilla-modern" in run.stdout.decode() or name == "zlib"
    out = " ".join(sshprobe("explain", "hmac-sha1", cwd=tmp_path).stdout.decode().split())
    assert "weakness low: SHA-1" in out
    assert "mozilla-modern not listed (" in out
    assert "weakness none known" in " ".join(sshprobe("explain", "ssh-ed25519", cwd=tmp_path).stdout.decode().split())


def test_a_misplaced_name_is_explained_last(capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    assert main(["explain", "chacha20-poly1305@openssh.com"]) == 0
    out = capsys.readouterr().out
    assert "bogus" not in out
    assert out.count("category ") == 1
    assert main(["explain", "kexAlgoDH1SHA1"]) == 0
    assert "bogus" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["kex-strict-s-v00@openssh.com", "ext-info-s", "kexguess2@matt.ucc.asn.au"])
def test_markers_are_explained_as_markers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    assert main(["explain", name]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"name {name} category marker: a name" in out
    assert "weakness" not in out


def test_every_finding_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main
    from sshprobe.grading import finding_types

    for id_ in finding_types():
        assert main(["explain", id_]) == 0
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("word", "finding"),
    [
        *((word, each.id) for each in finding_types().values() for word in each.also_called),
        *((LABELS[id], id) for id in ("host_key.size", "authentication.signature_weak", "kex.no_post_quantum")),
    ],
)
def test_words_that_a_report_shows_are_explained(word: str, finding: str, capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    assert main(["explain", word.upper()]) == 0
    assert " ".join(capsys.readouterr().out.split()).startswith(f"id {finding} ")


@pytest.mark.parametrize(
    ("word", "proposed"),
    [
        ("auth", "`authentication.banner` or `authentication.banner_text` or `authentication.missing` or "),
        ("prime", "`host_key.close_primes` or `host_key.shared_prime`"),
        ("hmac-sha9", "`hmac-sha1`"),
        ("a", "no name is similar"),
    ],
)
def test_similar_names_are_proposed(word: str, proposed: str, capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    assert main(["explain", word]) == 2
    assert proposed in capsys.readouterr().err


@pytest.mark.parametrize(
    ("grade", "severities", "compliant", "thresholds"),
    [
        ("A+", [], True, "A+"),
        ("A", ["note"], True, "A+ A"),
        ("B", ["low"], None, "A+ A B low noncompliant"),
        ("C", ["medium", "low"], False, "A+ A B C low medium noncompliant"),
        ("F", ["critical"], False, "A+ A B C D F low medium high critical noncompliant"),
    ],
)
def test_fail_on(grade: str, severities: list[str], compliant: bool | None, thresholds: str) -> None:
    from tests.sample_records import CLEAN, finding, judged

    findings = [finding("mac.weak", severity, "hmac-sha1", "weak") for severity in severities]
    verdict = msgspec.structs.replace(CLEAN, grade=grade, findings=findings, compliant=compliant)
    record = judged(captured("openssh-9.9p2"), CLEAN, verdict)
    known = ["A+", "A", "B", "C", "D", "F", "low", "medium", "high", "critical", "noncompliant"]
    assert [each for each in known if reached(each, record)] == thresholds.split()


@pytest.mark.parametrize("threshold", ["noncompliant", "critical", "low", "F", "A"])
def test_a_server_that_could_not_be_judged_does_not_pass(threshold: str) -> None:
    assert reached(threshold, failed("throttled", None))
    assert not reached(threshold, failed("refused", None))
    assert not reached(threshold, failed("timeout", None))
    for status in ("reset", "timeout", "not_ssh"):
        taken = msgspec.structs.replace(failed(status, None), stage="identification")
        assert reached(threshold, taken) is (status != "not_ssh")
    blank = msgspec.structs.replace(failed("ok", None), stage="done")
    assert reached(threshold, blank), "a record made by hand, without lists"


@pytest.mark.parametrize("threshold", ["noncompliant", "critical", "low", "F", "A"])
def test_a_server_with_names_left_out_does_not_pass(threshold: str) -> None:
    from tests.sample_records import CLEAN, judged

    record = judged(captured("openssh-9.9p2"), CLEAN)
    assert not reached(threshold, record)
    assert reached(threshold, msgspec.structs.replace(record, names_left_out=1))


def test_exit_codes() -> None:
    assert exit_code(interrupted=False, graded=1, failed=False) == 0
    assert exit_code(interrupted=False, graded=1, failed=True) == 1
    assert exit_code(interrupted=False, graded=0, failed=True) == 3
    assert exit_code(interrupted=True, graded=0, failed=True) == 130


def test_a_weakness_that_versions_hint_at_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    assert main(["explain", "CVE-2024-6387"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "versions OpenSSH 8.5 to 9.7 fixed in OpenSSH 9.8, Debian 9.2p1-2+deb12u3" in out
    assert "never verified" in out


def test_explain_names_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    from sshprobe.cli import main

    assert main(["explain", "blowfish-cbc"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "OpenSSH since 3.0 or before, removed in 7.6 [OpenSSH source at each release tag: cipher.c]" in out
    assert "block 64 bits [RFC 4253]" in out
    assert main(["explain", "gss-group14-sha1-toWM5Slw5Ew8Mqkay+al2g=="]) == 0
    assert "mechanism Kerberos 5 (1.2.840.113554.1.2.2)" in " ".join(capsys.readouterr().out.split())
    assert main(["explain", "curve25519-sha256@libssh.org"]) == 0
    assert "also named curve25519-sha256 " in " ".join(capsys.readouterr().out.split())


def test_the_help_of_scan_begins_with_the_most_used_options() -> None:
    command = sshprobe_group.get_command(click.Context(sshprobe_group), "scan")
    assert command is not None
    text = command.get_help(click.Context(command, info_name="scan"))
    headings = re.findall(r"^(\w.*):$", text, re.MULTILINE)
    assert headings[:2] == ["Most used", "What to scan"]
    assert "  TARGET..." not in text
    first = text.partition("Most used:")[2].partition("What to scan:")[0]
    for option in ("-f, --file", "--profile", "-o, --output", "--fail-on", "--depth"):
        assert f"\n  {option}" in first
    for param in command.params:
        if isinstance(param, click.Option):
            assert len(re.findall(rf"^  (?:-\w, )?{param.opts[-1]}(?![-\w])", text, re.MULTILINE)) == 1, param.opts


def test_headings_name_options_that_exist_each_once() -> None:
    command = sshprobe_group.get_command(click.Context(sshprobe_group), "scan")
    assert command is not None
    named = [name for names in HEADINGS.values() for name in names]
    assert len(named) == len(set(named))
    assert set(named) <= {param.name for param in command.params}


def test_grade_writes_the_same_with_one_process_and_with_three(tmp_path: Path) -> None:
    hosts: list[HostRecord] = []
    for number in range(300):
        seen = captured("openssh-debian12-9.2p1", f"192.0.2.{number % 250}")
        offered = ["hmac-sha2-256", f"odd{number % 120}@example.com"]
        hosts.append(msgspec.structs.replace(seen, port=1000 + number, mac_algorithms_client_to_server=offered))
    write(tmp_path / "in.jsonl", hosts)
    found: list[tuple[object, ...]] = []
    for workers in ("1", "3"):
        folder = tmp_path / workers
        folder.mkdir()
        words = ["grade", "../in.jsonl", "--workers", workers, "--profile", "mozilla-modern", "--fail-on", "high"]
        run = sshprobe(*words, "-o", "out.jsonl", cwd=folder)
        written = (folder / "out.jsonl").read_bytes().splitlines()
        fixed = sshprobe(*words, "--fix", cwd=folder)
        assert len(written) == 1 + len(hosts) + 1
        found.append((run.returncode, run.stdout, run.stderr, written[1:-1], fixed.returncode, fixed.stdout))
    assert found[0] == found[1]


def test_a_report_on_no_host_exits_with_3(tmp_path: Path) -> None:
    assert sshprobe("scan", "127.0.0.2:1", "-o", "x.jsonl", cwd=tmp_path).returncode == 3
    lines = (tmp_path / "x.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "x.jsonl").write_bytes(lines[0] + lines[-1])
    assert [sshprobe(command, "x.jsonl", cwd=tmp_path).returncode for command in ("report", "grade")] == [3, 3]
