"""`--fix`: its output can be pasted, whatever text a server or a records file has."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
import yaml

from sshprobe.algorithms import names
from sshprobe.cli import main
from sshprobe.model.records import HostRecord, Record
from sshprobe.render.fix.ansible import is_inventory_name
from tests.installed import need_program
from tests.sample_records import HEADER, captured, failed

Run = Callable[..., tuple[int, str, str]]
FORMATS = ("sshd_config.d", "ansible", "dropbear")
COMMAND = re.compile(r"(awk|ssh-keygen|mv|test|dropbearkey|sshd -t) .*")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        code = main(list(arguments))
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def write(hosts: Sequence[HostRecord]) -> None:
    records: list[Record] = [HEADER, *hosts]
    Path("saved.jsonl").write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))


def fleet() -> list[HostRecord]:
    names = ("openssh-debian12-9.2p1",) * 3 + ("dropbear-2022.83", "tinysshd-20230101", "openssh-7.4p1")
    return [captured(name, f"192.0.2.{last}") for last, name in enumerate(names, start=1)]


def test_the_fix_can_be_pasted(run: Run) -> None:
    write([*fleet(), failed("timeout", "no answer")])
    code, out, err = run("grade", "saved.jsonl", "--fix", "--profile", "mozilla-modern")
    assert (code, err) == (0, "")
    assert "# For these 3 hosts, OpenSSH 9.2p1 (Debian 12)" in out
    assert "#   192.0.2.1:22 192.0.2.2:22 192.0.2.3:22\n" in out
    assert "# hmac-sha1, hmac-sha1-etm@openssh.com: SHA-1; not in the profile\n" in out
    assert "#define DROPBEAR_SHA1_HMAC 0\n" in out
    assert "# Not graded: " in out
    keywords = ("KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms", "AuthenticationMethods")
    for line in pasted(out):
        assert line.split()[0] in ("#define", *keywords) or COMMAND.fullmatch(line), line
    assert out.count("KexAlgorithms ") == 2, "one block for the three that are alike, one for the other release"


def test_a_drop_in_is_a_configuration(run: Run) -> None:
    write(fleet()[:1])
    code, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "sshd_config.d", "--profile", "mozilla-modern")
    assert code == 0
    assert out.startswith("# /etc/ssh/sshd_config.d/00-sshprobe.conf\n")
    assert "`Include" in out
    assert "put these lines above the old ones" in " ".join(out.split())
    assert "#     sshd -t && " in out
    lines = [line.split()[0] for line in out.splitlines() if line and not line.startswith("#")]
    assert lines == ["KexAlgorithms", "MACs", "AuthenticationMethods"]
    write(fleet()[5:])
    assert "has no Include (OpenSSH 8.2 and later)" in run("grade", "saved.jsonl", "--fix", "--format", FORMATS[0])[1]


def test_the_reason_for_two_commands_is_printed_once(run: Run) -> None:
    host = fleet()[0]
    keys = [msgspec.structs.replace(key, bits=1024) if key.type == "ssh-rsa" else key for key in host.host_keys or ()]
    write([msgspec.structs.replace(host, host_keys=keys)])
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "sshd_config.d")
    reason = "# ssh-rsa: 1024 bits; the profile asks for 2048"
    lines = out.splitlines()
    assert lines.count(reason) == 1
    after = lines[lines.index(reason) + 1 :]
    assert after[0].startswith("#     ssh-keygen -q -t rsa ")
    assert after[1].startswith("#     test -e /etc/ssh/ssh_host_rsa_key && cp -p /etc/ssh/ssh_host_rsa_key ")


LISTED = "password or keyboard-interactive"


def test_a_warning_about_two_lines_is_printed_once(run: Run) -> None:
    methods = ["publickey", "password", "keyboard-interactive"]
    write([msgspec.structs.replace(fleet()[0], authentication_methods=methods)])
    for words in (["--fix"], ["--fix", "--format", "sshd_config.d"], []):
        _, out, _ = run("grade", "saved.jsonl", *words)
        assert "PasswordAuthentication no\n" in out
        assert "KbdInteractiveAuthentication no\n" in out
        assert " ".join(re.sub(r"\n *#", " ", out).split()).count(f"a Match block asks for {LISTED} after a key") == 1
        assert all(len(line) <= 80 for line in out.splitlines() if line.startswith("# ") and "&&" not in line)


def test_definitions_for_dropbear_are_c(run: Run) -> None:
    write(fleet())
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "dropbear", "--profile", "mozilla-modern")
    code = re.sub(r"/\*.*?\*/", "", out)
    assert {line for line in code.splitlines() if line.strip()} == {
        "#define DROPBEAR_DH_GROUP14_SHA1 0",
        "#define DROPBEAR_DH_GROUP14_SHA256 0",
        "#define DROPBEAR_RSA_SHA1 0",
        "#define DROPBEAR_SHA1_HMAC 0",
    }
    # This may be the port of users' logins.
    assert '(Debian), besides what it holds: DROPBEAR_EXTRA_ARGS="-s"' in out


def test_options_of_dropbear_are_c_in_either_format(run: Run, tmp_path: Path) -> None:
    write(fleet()[3:4])
    words = ("grade", "saved.jsonl", "--fix", "--profile", "mozilla-modern")
    _, out, _ = run(*words)
    assert out == run(*words, "--format", "dropbear")[1]
    assert "\n#define DROPBEAR_SHA1_HMAC 0\n" in out
    need_program("gcc", "gcc")
    done = subprocess.run(
        ["gcc", "-E", "-Werror", "-Wall", "-dM", "-x", "c", "-"], input=out, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "#define DROPBEAR_SHA1_HMAC 0\n" in done.stdout


def test_windows_gets_advice_without_unix_paths(run: Run) -> None:
    host = captured("openssh-debian12-9.2p1", "192.0.2.9")
    assert host.identification is not None
    raw, software = "SSH-2.0-OpenSSH_for_Windows_9.5", "OpenSSH_for_Windows_9.5"
    said = msgspec.structs.replace(host.identification, raw=raw, software=software, comments=None)
    keys = [msgspec.structs.replace(key, bits=1024) if key.type == "ssh-rsa" else key for key in host.host_keys or ()]
    write([msgspec.structs.replace(host, identification=said, host_keys=keys)])
    for format_ in ("sshd_config", "sshd_config.d", "ansible"):
        _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", format_, "--profile", "mozilla-modern")
        if format_ == "ansible":
            assert [play["hosts"] for play in yaml.safe_load(out)] == ["localhost"]
        else:
            assert not pasted(out)
        assert not re.search(r"/etc/ssh/|awk|ssh-keygen|systemctl", out)
        if format_ == "sshd_config":
            assert r"%ProgramData%\ssh\sshd_config" in out
            assert "MACs: take out umac-64" in " ".join(out.split())
        else:
            assert "no /etc/ssh on Windows." in out
    _, out, _ = run("grade", "saved.jsonl", "--profile", "mozilla-modern")
    assert "Changes on this server" in out
    assert r"%ProgramData%\ssh\sshd_config" in out
    assert not re.search(r"/etc/ssh/|awk|ssh-keygen|systemctl", out)


def test_a_fix_without_changes_is_a_sentence(run: Run) -> None:
    write(fleet()[4:5])
    for format_ in FORMATS:
        assert "Left out: 192.0.2.5:22" in run("grade", "saved.jsonl", "--fix", "--format", format_)[1]


def test_the_usual_format_has_a_name(run: Run) -> None:
    write(fleet())
    usual = run("grade", "saved.jsonl", "--fix")
    assert run("grade", "saved.jsonl", "--fix", "--format", "sshd_config") == usual
    assert "\nKexAlgorithms " in usual[1]


def test_records_also_go_to_the_file(run: Run) -> None:
    write(fleet())
    code, out, _ = run("grade", "saved.jsonl", "--fix", "-o", "again.jsonl")
    assert code == 0
    assert "KexAlgorithms" in out
    assert len(Path("again.jsonl").read_text().splitlines()) == len(fleet()) + 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "ansible"), "`--format ansible` needs `--fix`: add it, or use table, json or jsonl"),
        (("--format", "sshd_config.d", "-o", "x"), "`--format sshd_config.d` needs `--fix`"),
        (("--fix", "--format", "json"), "`--fix` cannot write json: use --format sshd_config, sshd_config.d,"),
        (("--format", "sshd_config"), "`--format sshd_config` needs `--fix`: add it"),
        (("--fix", "-o", "x"), "`-o x` is for records, not for the output of `--fix`: use .json or .jsonl"),
        (("--fix", "-v"), "`--fix` prints no report: omit `-v`"),
        (("--fix", "--profile", "mozilla-modern", "--profile", "alibaba-ecs"), "`--fix` fixes for one profile"),
    ],
)
@pytest.mark.parametrize("command", [("grade", "saved.jsonl"), ("scan", "127.0.0.1:1")])
def test_conflicting_options_are_refused(
    command: tuple[str, ...], arguments: tuple[str, ...], words: str, run: Run
) -> None:
    write(fleet())
    code, out, err = run(*command, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not Path("x").exists()


EVIL = (
    'x"\n- hosts: all',
    "{{ lookup('pipe', 'id') }}",
    "all",
    "web*",
    "!web1",
    "~.*",
    "a:b",
    "web1,web2",
    "-x",
    "fe80::1%{{ x }}",
    "web1[0:9]",
    "*/ #define EVIL 1 /*",
    "\x1b]0;title\x07",
    "back\\",
)


def evil() -> list[HostRecord]:
    """Hosts whose names, lists and software try to break out of every output format."""
    hosts = []
    for name in EVIL:
        for host, comments in ((fleet()[0], "Debian-2+deb12u3"), (fleet()[0], name), (fleet()[3], name)):
            assert host.identification is not None
            assert host.kex_algorithms is not None
            kex = [*host.kex_algorithms, name, f"gss-group14-sha1-{name}"]
            said = msgspec.structs.replace(host.identification, comments=comments)
            hosts.append(msgspec.structs.replace(host, host=name, kex_algorithms=kex, identification=said))
    return hosts


def pasted(out: str) -> set[str]:
    """Return lines that are neither comments nor blank."""
    comment = re.compile(r"#(?!define ).*|/\*(?:(?!\*/).)*\*/|")
    return {line for line in out.splitlines() if not comment.fullmatch(line)}


def test_hostile_names_stay_in_comments(run: Run) -> None:
    write(evil())
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--profile", "mozilla-modern")
    lines = pasted(out)
    write(fleet()[:4])
    _, good, _ = run("grade", "saved.jsonl", "--fix", "--profile", "mozilla-modern")
    listed = lines - pasted(good) - {"GSSAPIKeyExchange no"}  # a list that is not a default is written in full
    assert {name for line in listed for name in line.removeprefix("KexAlgorithms ").split(",")} < set(names("kex"))
    assert out.isprintable() or all(line.isprintable() for line in out.splitlines())

    write(evil())
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "dropbear", "--profile", "mozilla-modern")
    for line in out.splitlines():
        assert not line or re.fullmatch(r"/\*(?:(?!\*/).)*\*/|#define DROPBEAR_[A-Z0-9_]+ [01]", line), line
    assert "EVIL 1 /" not in re.sub(r"/\*.*?\*/", "", out)


def test_no_hostile_name_is_a_value_of_a_playbook(run: Run) -> None:
    assert [name for name in EVIL if is_inventory_name(name)] == []
    assert all(map(is_inventory_name, ("web1.example.org", "192.0.2.1", "2001:db8::1", "web_1-a")))
    good = msgspec.structs.replace(evil()[3], host="web1.example.org")
    assert good.identification is not None
    assert good.identification.comments == "Debian-2+deb12u3"
    write([*evil(), good])
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "ansible", "--profile", "mozilla-modern")
    values = "\n".join(line for line in out.splitlines() if not line.lstrip().startswith("#"))
    assert re.findall(r"\{\{.*?\}\}", values) == [
        "{{ 'ssh' if ansible_facts['os_family'] == 'Debian' else 'sshd' }}",
        "{{ sshd_service }}",
    ]
    assert re.findall(r"^    - \"(.*)\"$", values, re.MULTILINE) == ["web1.example.org"]
    assert [name for name in EVIL if name != "all" and name in values] == []
    assert "- hosts: all" not in values


def test_a_playbook_touches_no_member_of_a_group_of_a_scanned_name(run: Run) -> None:
    """For Ansible a name means a group first, and no pattern means only a host."""
    write([msgspec.structs.replace(fleet()[0], host="web")])
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "ansible", "--profile", "mozilla-modern")
    (play,) = yaml.safe_load(out)
    assert play["hosts"] == play["vars"]["sshprobe_hosts"] == ["web"]
    first, second = play["tasks"][:2]
    assert set(first) == {"name", "ansible.builtin.fail", "when"}
    assert first["when"] == "inventory_hostname not in sshprobe_hosts"
    # Nothing logs in before it.
    assert play["gather_facts"] is False
    assert "ansible.builtin.setup" in second


def test_a_playbook_names_hosts_as_the_inventory_did(run: Run) -> None:
    """In another inventory an alias can mean another address: the playbook does not change that host."""
    named = [
        ("192.0.2.1", "web1"),
        ("192.0.2.2", "192.0.2.0/24"),
        ("192.0.2.3", "192.0.2.3-9"),
        ("front", "front:2222"),
    ]
    write([msgspec.structs.replace(fleet()[0], host=host, target=target) for host, target in named])
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "ansible", "--profile", "mozilla-modern")
    (play,) = yaml.safe_load(out)
    assert play["hosts"] == ["web1", "192.0.2.2", "192.0.2.3", "front"]
    assert play["vars"]["sshprobe_addresses"] == {"web1": ["192.0.2.1"]}
    stop = play["tasks"][1]
    assert "ansible.builtin.fail" in stop
    # ansible-core 2.19 sets `ansible_host` to the name if the inventory does not set it.
    assert stop["when"] == (
        "inventory_hostname in sshprobe_addresses and (ansible_host | default(inventory_hostname)) "
        "not in [inventory_hostname] + sshprobe_addresses[inventory_hostname]"
    )
    assert "ansible.builtin.setup" in play["tasks"][2]
    write([msgspec.structs.replace(fleet()[0], host="192.0.2.1", target=target) for target in EVIL])
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "ansible", "--profile", "mozilla-modern")
    assert [play["hosts"] for play in yaml.safe_load(out)] == [["192.0.2.1"]]


def test_a_playbook_keeps_the_fixes_of_an_earlier_one(run: Run) -> None:
    """Ansible finds its blocks by their markers: another keyword is another block."""
    write(fleet()[:1])
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "ansible", "--profile", "mozilla-modern")
    assert re.findall(r"marker: (.*)", out) == [
        '"# {mark} sshprobe KexAlgorithms"',
        '"# {mark} sshprobe MACs"',
        '"# {mark} sshprobe AuthenticationMethods"',
    ]
    assert "cp -p /etc/ssh/moduli /etc/ssh/moduli.sshprobe-backup" in out


def test_a_playbook_is_yaml_of_builtin_modules(run: Run) -> None:
    write([*fleet(), *evil()])
    _, out, _ = run("grade", "saved.jsonl", "--fix", "--format", "ansible", "--profile", "mozilla-modern")
    plays = yaml.safe_load(out)
    assert [play["hosts"] for play in plays] == [["192.0.2.1", "192.0.2.2", "192.0.2.3"], ["192.0.2.6"]]
    for play in plays:
        assert [handler["name"] for handler in play["handlers"]] == ["Restart sshd"]
        for task in (*play["tasks"], *play["handlers"]):
            modules = set(task) - {"name", "notify", "register", "changed_when", "args", "when"}
            assert len(modules) == 1
            assert modules.pop().startswith("ansible.builtin.")
            assert task.get("notify", "Restart sshd") == "Restart sshd"
        blocks = [task["ansible.builtin.blockinfile"] for task in play["tasks"] if "blockinfile" in str(task)]
        assert len(blocks) >= 3
        for block in blocks:
            assert block["validate"] == "/usr/sbin/sshd -t -f %s"
            keyword, _ = block["block"].split(maxsplit=1)
            assert block["marker"] == f"# {{mark}} sshprobe {keyword}"
    write([failed("timeout", "no answer")])
    (play,) = yaml.safe_load(run("grade", "saved.jsonl", "--fix", "--format", "ansible")[1])
    assert (play["hosts"], [list(task) for task in play["tasks"]]) == ("localhost", [["name", "ansible.builtin.debug"]])
