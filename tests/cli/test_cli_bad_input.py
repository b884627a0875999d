"""Bad input: one line on standard error, exit code 2, no standard output, nothing written or scanned."""

import io
import os
import select
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sshprobe.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on loopback that must never be contacted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], listener: socket.socket
) -> Run:
    """Run a command in an empty folder; "HERE" in its arguments is the server that must not be contacted."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        here = f"127.0.0.1:{listener.getsockname()[1]}"
        code = main([argument.replace("HERE", here) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


FILES = {
    "malformed.txt": b"# hosts\n\n10.0.0.0/99\n",
    "empty.txt": b"",
    "comments.txt": b"# nothing\n",
    "binary.txt": b"web1\n\xff\xfe\x00\n",
    "broken.toml": b'id = "mine"\ntitle = \n',
    "wrong.toml": b'id = "mine"\ntitle = "t"\nversion = "1"\ndate = "2026"\nsource = "s"\n[kex]\n'
    b'where = "w"\nallowed = [1]\n',
    "broken.jsonl": b'{"type":"host"\n',
    "empty.jsonl": b"",
    "wrong.jsonl": b'{"type":"host","status":"fine"}\n',
    "broken.json": b'{"sweep":\n {"type": "sweep",\n }}',
}

BAD: dict[str, tuple[list[str], str]] = {
    "no command": ([], "no command"),
    "a host as command": (["127.0.7.1"], "unknown command `127.0.7.1`: to scan it, `sshprobe scan 127.0.7.1`"),
    "an unknown command": (["scna"], "unknown command `scna`: did you mean `scan`?"),
    "an unknown command of a group": (["history", "lst"], "unknown command `lst`: did you mean `list`?"),
    "no command of a group": (["profiles", "zzz"], "unknown command `zzz`: see `sshprobe profiles --help`"),
    "an unknown option": (["--colour"], "--colour"),
    "no target": (["scan"], "no target"),
    "an empty target": (["scan", "HERE", ""], "it is empty"),
    "port 0": (["scan", "HERE", "web:0"], '"web:0" has no such port: ports are 1 to 65535'),
    "port 65536": (["scan", "HERE", "web:65536"], "ports are 1 to 65535"),
    "--port 0": (["scan", "HERE", "--port", "0"], "'0' is not a port: ports are 1 to 65535"),
    "--port 70000": (["scan", "HERE", "-p", "70000"], "70000"),
    "--port ssh": (["scan", "HERE", "-p", "ssh"], "'ssh' is not a port"),
    "no --port after a comma": (["scan", "HERE", "-p", "22,"], "'' is not a port or a range of ports"),
    "a range of ports backwards": (["scan", "HERE", "-p", "22,90-80"], "'90-80' ends before it begins"),
    "a range of ports past the end": (["scan", "HERE", "-p", "22-65536"], "'22-65536' is not a port"),
    "an endless port": (["scan", "HERE", "-p", "9" * 5000], "ports are 1 to 65535"),
    "an invalid pattern": (["scan", "HERE", "10.0.*"], '"10.0.*" is not a range'),
    "a pattern in too many pieces": (["scan", "HERE", "*.*.*.1"], "falls into 16,777,216 pieces"),
    "a large sweep": (["scan", "HERE", "10.0.0.0/8"], "16,777,215 targets are more than 65,536: add"),
    "a large sweep by its ports": (["scan", "HERE", "10.0.0.0/24", "-p", "1-300"], "76,201 targets are more than"),
    "a negative seed": (["scan", "HERE", "--seed", "-1"], "-1 is not between 0 and"),
    "a missing inventory": (["scan", "HERE", "--inventory", "none.xml"], "none.xml: cannot be read: No such file"),
    "a folder as inventory": (["scan", "HERE", "--inventory", "."], ".: cannot be read: Is a directory"),
    "an empty inventory": (["scan", "HERE", "--inventory", "empty.txt"], "empty.txt: has no target"),
    "an inventory of comments": (["scan", "HERE", "--inventory", "comments.txt"], "comments.txt: has no target"),
    "a binary inventory": (["scan", "HERE", "--inventory", "binary.txt"], "binary.txt: is not text: it contains NUL"),
    "a broken JSON inventory": (["scan", "HERE", "--inventory", "broken.jsonl"], "broken.jsonl:1: is not JSON"),
    "records as inventory": (["scan", "HERE", "--inventory", "wrong.jsonl"], "wrong.jsonl:1: has records of a scan"),
    "an inventory of another format": (
        ["scan", "HERE", "--inventory", "comments.txt", "--inventory-format", "nmap"],
        "comments.txt:1: is not XML",
    ),
    "an unknown format of inventories": (["scan", "HERE", "--inventory", "a", "--inventory-format", "x"], "'x'"),
    "a format of no inventory": (["scan", "HERE", "--inventory-format", "nmap"], "needs `--inventory`"),
    "an empty inventory on standard input": (["scan", "--inventory", "-"], "standard input: has no target"),
    "standard input twice": (["scan", "-", "--inventory", "-"], "standard input: is an inventory"),
    "standard input as records too": (["scan", "-", "--from-records", "-"], "targets and records at once"),
    "missing records to scan": (["scan", "HERE", "--from-records", "none.jsonl"], "none.jsonl: cannot be read"),
    "broken records to scan": (["scan", "HERE", "--from-records", "broken.jsonl"], "broken.jsonl:1: is not a record"),
    "a status without records": (["scan", "HERE", "--status", "timeout"], "need `--from-records`"),
    "an unknown status": (["scan", "HERE", "--from-records", "empty.jsonl", "--status", "dead"], "'dead'"),
    "an unknown grade": (["scan", "HERE", "--from-records", "empty.jsonl", "--grade", "E"], "'E'"),
    "nothing to count": (["scan", "--count"], "no target"),
    "the rest of a scan to count": (
        ["scan", "HERE", "--count", "--resume", "r.jsonl"],
        "those in `--resume` too",
    ),
    "a malformed target to count": (["scan", "--count", "10.0.0.0/99"], "is not a network"),
    "a missing target file": (["scan", "HERE", "-f", "none.txt"], "none.txt: cannot be read: No such file"),
    "a folder as target file": (["scan", "HERE", "-f", "."], ".: cannot be read: Is a directory"),
    "an empty target file": (["scan", "HERE", "-f", "empty.txt"], "empty.txt: has no target"),
    "a target file of comments": (["scan", "HERE", "-f", "comments.txt"], "comments.txt: has no target"),
    "a malformed line": (
        ["scan", "HERE", "-f", "malformed.txt"],
        'malformed.txt:3: "10.0.0.0/99" is not a network: the prefix of an IPv4 network is 0 to 32',
    ),
    "a binary target file": (["scan", "HERE", "-f", "binary.txt"], "binary.txt:2: is not text: it contains NUL bytes"),
    "empty standard input": (["scan", "-"], "standard input: has no target"),  # hosts beside it are scanned first
    "a malformed network": (["scan", "HERE", "10.0.0.0/33"], '"10.0.0.0/33" is not a network'),
    "a malformed range": (["scan", "HERE", "10.0.0.9-1"], '"10.0.0.9-1" is not a range'),
    "a malformed address": (["scan", "HERE", "300.0.0.1"], '"300.0.0.1" is not an IPv4 address'),
    "a malformed IPv6 address": (["scan", "HERE", "[::1"], '"[::1" is not a host'),
    "a malformed name": (["scan", "HERE", "we$b"], '"we$b" is not a host name'),
    "a control byte in a name": (["scan", "HERE", "we\x1b[31mb"], "we\\x1b[31mb"),
    "a control byte in a zone": (["scan", "HERE", "fe80::1%\x1b[31m"], '"fe80::1%\\x1b[31m" is not an IPv6 address'),
    "a missing exclude file": (["scan", "HERE", "--exclude-file", "none.txt"], "none.txt: cannot be read"),
    "an empty exclude file": (["scan", "HERE", "--exclude-file", "empty.txt"], "empty.txt: has no exclusion"),
    "a malformed exclude": (["scan", "HERE", "--exclude", "10.0.0.0/99"], '"10.0.0.0/99" is not a network'),
    "a malformed line of excludes": (["scan", "HERE", "--exclude-file", "malformed.txt"], "malformed.txt:3: "),
    "an unknown profile": (["scan", "HERE", "--profile", "mozila"], "mozila"),
    "a misspelt profile": (["scan", "HERE", "--profile", "mozila-modern"], "did you mean `mozilla-modern`?"),
    "the first part of some profiles": (
        ["scan", "HERE", "--profile", "cis"],
        "`cis-debian-12` or `cis-debian-12-level-2` or `cis-",
    ),
    "a broken profile": (["scan", "HERE", "--profile", "broken.toml"], "broken.toml:2: "),
    "a profile with a wrong field": (["scan", "HERE", "--profile", "wrong.toml"], "wrong.toml:8: kex.allowed"),
    "a missing profile file": (["scan", "HERE", "--profile", "./none.toml"], "none.toml"),
    "an unknown format": (["scan", "HERE", "--format", "xml"], "'xml'"),
    "an unknown depth": (["scan", "HERE", "--depth", "deep"], "'deep'"),
    "an unknown threshold": (["scan", "HERE", "--fail-on", "E"], "'E' is not one of 'critical', 'high'"),
    "a letter as threshold": (["scan", "HERE", "--fail-on", "E"], "'low', 'A', 'B', 'C', 'D', 'F', 'noncompliant'"),
    "no timeout": (["scan", "HERE", "--timeout", "0"], "'0' is not above 0"),
    "a negative timeout": (["scan", "HERE", "--connect-timeout", "-1"], "'-1' is not above 0"),
    "NaN as timeout": (["scan", "HERE", "--host-timeout", "nan"], "'nan' is not above 0"),
    "an endless timeout": (["scan", "HERE", "--host-timeout", "inf"], "'inf' is not above 0"),
    "no rate": (["scan", "HERE", "--rate", "-1"], "'-1' is not from 0 to"),
    "a rate in words": (["scan", "HERE", "--rate", "fast"], "'fast' is not a number"),
    "a negative wait": (["scan", "HERE", "--throttle-wait", "-1"], "'-1' is not from 0 to"),
    "no concurrency": (["scan", "HERE", "-c", "0"], "0 is not between 1 and 100000"),
    "an empty user": (["scan", "HERE", "--auth-user", ""], "a user name cannot be empty"),
    "a user with a control byte": (["scan", "HERE", "--auth-user", "ro\not"], "printable"),
    "both versions of IP": (["scan", "HERE", "-4", "-6"], "exclude each other"),
    "an option without value": (["scan", "HERE", "--rate"], "--rate"),
    "an output folder that is missing": (["scan", "HERE", "-o", "none/out.jsonl"], "none/out.jsonl: cannot be written"),
    "standard output as the output": (["scan", "HERE", "-o", "-"], "`-o -` is not a file"),
    "an output that is a folder": (["scan", "HERE", "-o", "."], ".: cannot be written"),
    "a document in a missing folder": (["scan", "HERE", "-o", "none/out.json"], "none/out.json: cannot be written"),
    "no records": (["grade"], "no records"),
    "a missing records file": (["grade", "none.jsonl"], "none.jsonl: cannot be read: No such file"),
    "an empty records file": (["grade", "empty.jsonl"], "empty.jsonl: has no records"),
    "a broken records file": (["grade", "broken.jsonl"], "broken.jsonl:1: is not a record"),
    "a wrong record": (["grade", "wrong.jsonl"], "wrong.jsonl:1: is not a record"),
    "a broken document": (["grade", "broken.json", "--format", "json"], "broken.json:3: is not a document of records"),
    "no records on standard input": (["grade", "-"], "standard input: has no records"),
    "an unknown name to explain": (["explain", "hmac-sha"], "`hmac-sha` is not a known algorithm, finding or weakness"),
    "nothing to explain": (["explain"], "missing argument 'ALGORITHM|FINDING': see `sshprobe explain --help`"),
    "an unknown profile to show": (["profiles", "show", "mozila"], "mozila"),
    "a broken profile to check": (["profiles", "check", "broken.toml"], "broken.toml:2: "),
    "a broken profile to show": (["profiles", "show", "broken.toml", "--format", "toml"], "broken.toml:2: "),
    "an unknown release of OpenSSH": (
        ["profiles", "show", "mozilla-modern", "--format", "sshd_config", "--openssh", "nine"],
        "`nine` is not a release of OpenSSH",
    ),
    "a release that cannot meet a profile": (
        ["profiles", "show", "mozilla-modern", "--format", "sshd_config", "--openssh", "5.3"],
        "sshd of OpenSSH 5.3 cannot meet mozilla-modern: it has no KexAlgorithms",
    ),
    "a release where none is asked": (["profiles", "show", "mozilla-modern", "--openssh", "9.2"], "`--openssh` is for"),
    "no host to make a profile of": (["profiles", "make"], "no host: name one"),
    "many hosts to make a profile of": (["profiles", "make", "127.0.0.0/29"], "127.0.0.0/29: names 6 hosts"),
    "an invalid id": (["profiles", "make", "HERE", "--id", "Ours!"], "`--id Ours!` is not made of lower-case"),
    "standard output as a profile": (["profiles", "make", "HERE", "-o", "-"], "`-o -` is not a file"),
    "records without the host": (
        ["profiles", "make", "HERE", "--from-records", "none.jsonl"],
        "none.jsonl: cannot be read",
    ),
    "no profile to check": (["profiles", "check"], "no profile to check"),
    "no command of profiles": (["profiles"], "no command"),
    "an output folder of the demo that is a file": (["demo", "--output", "empty.txt"], "empty.txt: cannot be made"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input(what: str, run: Run, tmp_path: Path, listener: socket.socket) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    arguments, message = BAD[what]
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    assert sorted(os.listdir(tmp_path)) == sorted(FILES)  # noqa: PTH208 - nothing was written
    assert all((tmp_path / name).read_bytes() == data for name, data in FILES.items())
    assert not select.select([listener], [], [], 0)[0], "a connection was opened"


def test_bad_input_leaves_old_output_alone(run: Run, tmp_path: Path) -> None:
    for name in ("out.jsonl", "out.json"):
        (tmp_path / name).write_bytes(b"precious")
        assert run("scan", "HERE", "10.0.0.0/99", "-o", name)[0] == 2
        assert run("grade", "none.jsonl", "-o", name)[0] == 2
        assert (tmp_path / name).read_bytes() == b"precious"
