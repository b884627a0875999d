"""`sshprobe report`, and `sshprobe grade` for many hosts."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from sshprobe.cli.options.filters import HostFilter
from sshprobe.cli.report import _ChosenHosts
from sshprobe.cli.saved_sweeps import WorkLine
from sshprobe.grading import FleetFacts, FleetIndex
from sshprobe.model.records import HostRecord, SweepRecord
from sshprobe.store.backups import contents_of
from sshprobe.views.summary import SummaryBuilder
from tests.cli.test_cli_commands import sshprobe, write
from tests.grading.rsa_keys import prime, rsa_host_key
from tests.sample_records import captured, failed

P = prime(1024)
KEYS = [rsa_host_key(P * prime(1024)), rsa_host_key(P * prime(1024)), rsa_host_key(prime(1024) * prime(1024))]


def with_keys(address: str, *keys: Any, name: str = "openssh-debian12-9.2p1") -> HostRecord:
    return msgspec.structs.replace(captured(name, address), host_keys=list(keys))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    hosts = [
        with_keys("192.0.2.1", KEYS[0]),
        with_keys("192.0.2.2", KEYS[1]),
        with_keys("192.0.2.3", KEYS[2]),
        with_keys("192.0.2.4", KEYS[2], name="openssh-9.9p2"),
        failed("timeout", "no answer"),
    ]
    write(tmp_path / "saved.jsonl", hosts)
    return tmp_path


def test_by_host(saved: Path) -> None:
    run = sshprobe("report", "saved.jsonl", cwd=saved)
    assert (run.returncode, run.stderr) == (0, b"")
    lines = run.stdout.decode().splitlines()
    assert lines[0].split() == ["host", "severity", "finding", "key", "observed"]
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["192.0.2.1:22", "critical", "host_key.shared_prime"],
        ["192.0.2.2:22", "critical", "host_key.shared_prime"],
        ["192.0.2.3:22", "medium", "host_key.shared"],
        ["192.0.2.4:22", "medium", "host_key.shared"],
    ]
    text = " ".join(run.stdout.decode().split())
    assert "1 host key is shared by 2 machines: 192.0.2.3, 192.0.2.4. 2 RSA keys share a prime: 192.0.2.1:22, " in text
    assert "Compromised keys (such as CVE-2008-0166): not checked; name a list with --weak-keys." in text


def test_a_filtered_report_is_about_the_keys_of_its_hosts(saved: Path) -> None:
    def shown(*filters: str) -> str:
        return " ".join(sshprobe("report", "saved.jsonl", *filters, cwd=saved).stdout.decode().split())

    assert "share a prime" in shown("--host", "192.0.2.1")
    assert "is shared by" not in shown("--host", "192.0.2.1")
    assert "is shared by 2 machines: 192.0.2.3, 192.0.2.4" in shown("--host", "192.0.2.3")


def test_the_findings_of_a_host_are_made_once() -> None:
    host = captured("openssh-5.3p1")
    chosen = _ChosenHosts(HostFilter((), (), (), (), ("sha1",), (), ()), FleetIndex(FleetFacts().report()), WorkLine())
    (found,) = chosen.among(iter([host]))
    assert chosen.findings(found)
    assert chosen.findings(found) is chosen.findings(host)


def test_a_report_without_findings_says_what_it_looked_for(tmp_path: Path) -> None:
    nothing = (
        "This report lists only shared and broken keys and groups, and found none. "
        "`sshprobe grade` shows the findings of each host."
    )
    silent = failed("timeout", "no answer")
    one, two = (with_keys(f"192.0.2.{last}", KEYS[2]) for last in (1, 2))
    for records, words in (([one], nothing), ([silent], None), ([one, two], "2 notes are listed with -v.")):
        write(tmp_path / "saved.jsonl", records)
        text = " ".join(sshprobe("report", "saved.jsonl", cwd=tmp_path).stdout.decode().split())
        assert (nothing in text) is (words == nothing)
        assert words is None or words in text
    assert "listed with -v" not in sshprobe("report", "saved.jsonl", "-v", cwd=tmp_path).stdout.decode()


@pytest.mark.parametrize("by", ["host", "key", "algorithm"])
def test_a_report_counts_the_servers_that_the_table_of_the_sweep_counts(tmp_path: Path, by: str) -> None:
    """A host that sent an identification is a server; one that closed before may not be."""
    server, silent = captured("openssh-debian12-9.2p1"), failed("reset", "the connection was closed")
    reset = msgspec.structs.replace(silent, host="192.0.2.9", identification=server.identification)
    write(tmp_path / "saved.jsonl", [server, silent, reset, msgspec.structs.replace(silent, status="partial")])
    swept = sshprobe("grade", "saved.jsonl", cwd=tmp_path).stdout.decode()
    report = sshprobe("report", "saved.jsonl", "--by", by, cwd=tmp_path).stdout.decode()
    assert "2 SSH servers" in swept
    assert "2 SSH servers." in report


def test_by_key(saved: Path) -> None:
    out = sshprobe("report", "saved.jsonl", "--by", "key", cwd=saved).stdout.decode()
    assert [line.split()[0] for line in out.splitlines()[1:4]] == [
        KEYS[2].fingerprint,
        *sorted([KEYS[0].fingerprint, KEYS[1].fingerprint]),
    ]
    assert "192.0.2.3:22, 192.0.2.4:22" in out
    document = json.loads(sshprobe("report", "saved.jsonl", "--by", "key", "--format", "json", cwd=saved).stdout)
    assert [key["findings"] for key in document["keys"]] == [["host_key.shared"], *[["host_key.shared_prime"]] * 2]
    assert document["summary"]["type"] == "summary"
    assert len(document["summary"]["shared_primes"]) == 1


def test_keys_without_a_finding_are_counted_and_listed_with_v(tmp_path: Path) -> None:
    record = captured("openssh-debian12-9.2p1")
    assert record.host_keys is not None
    write(tmp_path / "one.jsonl", [record])
    out = sshprobe("report", "one.jsonl", "--by", "key", cwd=tmp_path).stdout.decode()
    assert f"\n{len(record.host_keys)} host keys are without a finding, listed with -v.\n" in out
    assert "SHA256:" not in out
    listed = sshprobe("report", "one.jsonl", "--by", "key", "-v", cwd=tmp_path).stdout.decode()
    assert listed.count("SHA256:") == len(record.host_keys)
    assert "without a finding" not in listed


def test_by_algorithm(saved: Path) -> None:
    out = sshprobe("report", "saved.jsonl", "--by", "algorithm", cwd=saved).stdout.decode()
    rows = {tuple(line.split()[:2]): line for line in out.splitlines() if line}
    assert rows["kex", "curve25519-sha256"].endswith("  192.0.2.1:22, 192.0.2.2:22, 192.0.2.3:22 and 1 more")
    assert rows["mac", "hmac-sha1"].split()[2:4] == ["4", "low"]
    # A marker is not an algorithm: it comes last.
    assert ("kex", "kex-strict-s-v00@openssh.com") not in rows
    names = [row[0] for row in list(rows)[1:]]
    assert "marker" in names
    assert set(names[names.index("marker") : names.index("5")]) == {"marker"}
    run = sshprobe("report", "saved.jsonl", "--by", "algorithm", "--format", "json", cwd=saved)
    uses = {(use["category"], use["algorithm"]): use for use in json.loads(run.stdout)["algorithms"]}
    assert uses["kex", "mlkem768x25519-sha256"]["hosts"] == ["192.0.2.4:22"]
    assert uses["mac", "hmac-sha1"]["severity"] == "low"
    assert uses["kex", "kex-strict-s-v00@openssh.com"]["weakness"] == "a marker, not an algorithm"
    assert uses["kex", "kex-strict-s-v00@openssh.com"]["signal"] is True


def test_grade_adds_what_hosts_share(saved: Path) -> None:
    run = sshprobe("grade", "saved.jsonl", "--format", "jsonl", cwd=saved)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    beside = [[each["id"] for each in host["fleet_findings"]] for host in records[1:-1]]
    assert beside == [["host_key.shared_prime"]] * 2 + [["host_key.shared"]] * 2 + [[]]
    assert all(host["verdicts"][0]["grade"] != "F" for host in records[1:-1] if host["verdicts"])
    assert records[-1]["fleet_findings"] == {"host_key.shared": 2, "host_key.shared_prime": 2}
    assert records[-1]["weak_keys"] == {}
    # and from standard input, which can be read only once
    again = sshprobe("grade", "-", "--format", "jsonl", cwd=saved, stdin=(saved / "saved.jsonl").read_bytes())
    assert again.stdout == run.stdout
    table = " ".join(sshprobe("grade", "saved.jsonl", cwd=saved).stdout.decode().split())
    assert "1 host key is shared by 2 machines: 192.0.2.3, 192.0.2.4. 2 RSA keys share a prime: 192.0.2.1:22, " in table


@pytest.mark.parametrize("command", ["grade", "report"])
def test_a_list_of_known_keys(command: str, saved: Path) -> None:
    tail = hashlib.md5(base64.b64decode(KEYS[2].blob), usedforsecurity=False).hexdigest()[12:]
    (saved / "blacklist.RSA-2048").write_text(f"# openssh-blacklist\n{tail}\n")
    run = sshprobe(command, "saved.jsonl", "--weak-keys", "blacklist.RSA-2048", "-v", cwd=saved)
    assert (run.returncode, run.stderr) == (0, b"")
    text = " ".join(run.stdout.decode().split())
    assert "host_key.known" in text or "private half is known" in text
    assert "1 host key is on a list of known keys." in text
    assert "not checked; give a list" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no records: name a file of them, or `-` for standard input"),
        (["missing.jsonl"], "missing.jsonl: cannot be read: No such file or directory"),
        (["saved.jsonl", "--weak-keys", "missing"], "missing: cannot be read: No such file or directory"),
        (["saved.jsonl", "--weak-keys", "saved.jsonl"], "saved.jsonl:1: is not a key"),
        (["saved.jsonl", "--by", "colour"], "invalid value for '--by'"),
    ],
)
def test_an_error_is_one_line(arguments: list[str], message: str, saved: Path) -> None:
    run = sshprobe("report", *arguments, cwd=saved)
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr.startswith(f"error: {message}".encode())
    assert run.stderr.count(b"\n") == 1


@pytest.mark.parametrize("by", ["host", "algorithm", "key"])
def test_hostile_records_do_not_control_the_terminal(by: str, tmp_path: Path) -> None:
    bad = "\x1b[2J\u202e\nx"
    key = msgspec.structs.replace(KEYS[2], type=bad, fingerprint=bad, blob=bad)
    hosts = [
        msgspec.structs.replace(with_keys(address, key), kex_algorithms=[bad], target=bad)
        for address in (f"1{bad}", f"2{bad}")
    ]
    write(tmp_path / "bad.jsonl", hosts)
    for extra in ([], ["-v"]):
        out = sshprobe("report", "bad.jsonl", "--by", by, *extra, cwd=tmp_path).stdout.decode()
        assert "\x1b" not in out
        assert "\u202e" not in out
    assert json.loads(sshprobe("report", "bad.jsonl", "--by", by, "--format", "json", cwd=tmp_path).stdout)


@pytest.mark.parametrize("command", [["grade"], ["report"], ["report", "--by", "key"], ["report", "--by", "algorithm"]])
@pytest.mark.parametrize("records", ["HA", "HAS HB", "HB HAS", "HAI", "HAI HBS", "HASHB"])
def test_a_cut_off_scan_is_reported(command: list[str], records: str, tmp_path: Path) -> None:
    run = sshprobe(*command, *_sweeps(records, tmp_path), cwd=tmp_path)
    assert run.returncode == 0
    assert "Interrupted: the rest was not scanned." in run.stdout.decode().splitlines()


@pytest.mark.parametrize("suffix", [".zst", ".gz", ".jsonl"])
def test_a_file_that_is_cut_off_is_not_called_interrupted(suffix: str, tmp_path: Path) -> None:
    (name,) = _sweeps("HABS", tmp_path)
    data = (tmp_path / name).read_bytes()
    cut = data.rindex(b"\n", 0, -1) + 50  # inside the summary
    torn = data[:cut]
    if suffix == ".gz":
        packed = zlib.compressobj(wbits=31)
        torn = packed.compress(torn) + packed.flush(zlib.Z_SYNC_FLUSH)
    elif suffix == ".zst":
        frame = zstandard.ZstdCompressor().compressobj()
        torn = frame.compress(torn) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    (tmp_path / f"c{suffix}").write_bytes(torn)
    for command in (["grade"], ["report"], ["report", "--by", "key"], ["grade", "-o", "new.jsonl"]):
        run = sshprobe(*command, f"c{suffix}", cwd=tmp_path)
        assert run.stderr.decode() == f"note: c{suffix} is cut off: hosts read before the cut: 2\n"
        assert run.stdout.decode().splitlines().count("Cut off: the rest was not read.") == 1
        assert b"Interrupted" not in run.stdout
    assert json.loads((tmp_path / "new.jsonl").read_bytes().splitlines()[-1])["interrupted"]  # hosts are missing
    for name in ("grade", "report"):
        assert sshprobe(name, f"c{suffix}", "-o", f"{name}.txt", cwd=tmp_path).returncode == 0
        assert contents_of(tmp_path / f"{name}.txt") == (None, False)  # replaces no backup of a whole scan


@pytest.mark.parametrize("command", ["grade", "report"])
def test_a_file_without_hosts_has_no_statuses(command: str, tmp_path: Path) -> None:
    lost = SummaryBuilder().build(duration_ms=1.0)
    (tmp_path / "s.jsonl").write_bytes(msgspec.json.encode(msgspec.structs.replace(lost, hosts=1)) + b"\n")
    run = sshprobe(command, "s.jsonl", cwd=tmp_path)
    assert run.returncode == 3
    assert run.stderr.decode() == "note: s.jsonl lacks hosts: its summary counts 1, the file has 0\n"
    assert run.stdout.decode().startswith(("0 targets.\n", "0 targets, 0 SSH servers."))


@pytest.mark.parametrize("records", ["HAS", "A", "HAS HBS", "HASHBS", "HAS B"])
def test_complete_scans_and_lone_hosts_are_not_reported_as_cut_off(records: str, tmp_path: Path) -> None:
    for command, form in (("report", "table"), ("grade", "table"), ("grade", "json")):
        run = sshprobe(command, *_sweeps(records, tmp_path), "--format", form, cwd=tmp_path)
        assert (run.returncode, b"Interrupted" in run.stdout, b'"interrupted":true' in run.stdout) == (0, False, False)


def _sweeps(records: str, folder: Path) -> list[str]:
    """Write files of records: a header, a host A or B, a summary, or the summary of an interrupted scan."""
    made = {
        "H": SweepRecord(tool="sshprobe 0", arguments=[], profiles=[], started_at="2026-01-01T00:00:00.000Z"),
        "A": with_keys("192.0.2.1", KEYS[0]),
        "B": with_keys("192.0.2.2", KEYS[2]),
        "S": SummaryBuilder().build(duration_ms=1.0),
        "I": SummaryBuilder().build(duration_ms=1.0, interrupted=True),
    }
    names = []
    for number, letters in enumerate(records.split()):
        names.append(f"{number}.jsonl")
        (folder / names[-1]).write_bytes(msgspec.json.Encoder().encode_lines([made[letter] for letter in letters]))
    return names


def test_with_v_silent_targets_of_a_sweep_have_a_line_and_no_block(tmp_path: Path) -> None:
    silent = [
        msgspec.structs.replace(failed("timeout", "no answer"), host=f"192.0.2.{last}") for last in range(100, 109)
    ]
    odd = msgspec.structs.replace(silent.pop(), lines_before_identification=["busy"])
    write(tmp_path / "saved.jsonl", [*silent, with_keys("192.0.2.1", KEYS[0]), odd])
    lines = sshprobe("grade", "-v", "saved.jsonl", cwd=tmp_path).stdout.decode().splitlines()
    assert [line.split()[0] for line in lines if line.startswith("192.")] == ["192.0.2.1:22", "192.0.2.108:22"]
    assert [line.split()[1] for line in lines if line.startswith("-")] == [
        f"192.0.2.{last}" for last in range(100, 109)
    ]
    write(tmp_path / "saved.jsonl", silent[:1])
    one = sshprobe("grade", "-v", "saved.jsonl", cwd=tmp_path).stdout.decode()
    assert "status timeout" in one
    assert "not observed" not in one
