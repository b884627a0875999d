"""Options of other tools are errors that name ours, and write no file."""

import gzip
import re
from pathlib import Path

import click
import pytest
import zstandard

from sshprobe.cli.main import main
from sshprobe.cli.main import sshprobe as group
from sshprobe.cli.options.foreign import FOREIGN_OPTIONS

SCAN = group.get_command(click.Context(group), "scan")
assert SCAN is not None
OURS = {name for option in SCAN.params if isinstance(option, click.Option) for name in option.opts}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before = sorted(Path().iterdir())
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    return err.removeprefix("error: ").removesuffix("\n")


def tools_of(tools: str) -> list[str]:
    return sorted(
        {option for foreign in FOREIGN_OPTIONS if tools in foreign.tools for option in foreign.options.split()}
    )


@pytest.mark.parametrize("tool", ["nmap", "masscan", "ssh-audit", "naabu", "httpx"])
def test_each_habit_is_an_error_that_names_ours(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = tools_of(tool)
    assert len(options) >= 15
    for option in options:
        assert option not in OURS, option
        for arguments in ([option, "127.0.0.1"], ["127.0.0.1", option, "x"], [f"{option}=x", "127.0.0.1"]):
            words = error(capsys, "scan", *arguments)
            assert words.startswith(f"`{option}` is an option of ")
            for ours in re.findall(r"`(-[^ `]+)", words.partition(": ")[2]):
                assert ours in OURS or ours == "-oJ", words


def test_hints_name_existing_options_and_commands() -> None:
    for foreign in FOREIGN_OPTIONS:
        for words in re.findall(r"`([^`]+)`", foreign.answer):
            if words.startswith("sshprobe "):
                command = words.split()[1]
                assert command in ("--version", *group.list_commands(click.Context(group))), words
            elif words.startswith("-"):
                assert words.split()[0] in OURS, words


@pytest.mark.parametrize("command", ["scan", "grade", "report"])
@pytest.mark.parametrize("option", ["-oX", "-oN", "-oG", "-oA", "-oJ", "-oL", "-oD", "-output", "-json", "-host"])
def test_foreign_options_of_other_commands(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("there.jsonl").write_text("")
    assert f"`{option}` is" in error(capsys, command, option, "there.jsonl")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-open", "127.0.0.1"), "`-open` is not an option: if it has a value, write that apart, `-o pen`"),
        (("-oXrecords.xml", "127.0.0.1"), "`-oXrecords.xml` is not an option: if it has a value, write that apart"),
        (("-hl", "127.0.0.1"), "`-hl` is not an option: see `sshprobe scan --help`"),
        (("-depth", "lists", "127.0.0.1"), "`-depth` is not an option: long ones have two dashes, `--depth`"),
        (("-p=22", "127.0.0.1"), "`-p=22` is not an option: if it has a value, write that apart, `-p 22`"),
        (("-o=x.json", "127.0.0.1"), "`-o=x.json` is not an option: if it has a value, write that apart, `-o x.json`"),
        (("-p-", "127.0.0.1"), "for all ports write 1-65535"),
        (("-p", "T:22", "127.0.0.1"), "'T:22' is not a port: SSH is on TCP, so write '22'"),
    ],
)
def test_a_word_after_one_dash(arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in error(capsys, "scan", *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-6v", "--count", "::1"),
        ("-vv", "--count", "127.0.0.1"),
        ("-p22", "-c5", "--count", "127.0.0.1"),
        ("-vp", "22", "--count", "127.0.0.1"),
        ("-o./x.json", "--count", "127.0.0.1"),
        ("--client-id", "-host", "--count", "127.0.0.1"),
        ("--exclude-file=-list", "--exclude", "-sV", "--count", "127.0.0.1"),
    ],
)
def test_our_own_options_are_accepted(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    main(["scan", *arguments])
    assert "is an option of" not in (words := capsys.readouterr().err)
    assert "is not an option" not in words


@pytest.mark.parametrize("option", ["-host", "-p", "-oX", "--targets", "-V", "-json=x"])
def test_foreign_options_before_the_command(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = error(capsys, option, "127.0.0.1")
    assert words.startswith(f"`{option.partition('=')[0]}` is in the place of a command, as in `sshprobe scan HOST`")


def test_help_and_version_need_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("-h", "--help", "--version"):
        assert main([option]) == 0
        assert capsys.readouterr().out


# Words that are not hosts


@pytest.mark.parametrize(
    ("name", "content", "option"),
    [
        ("hosts.txt", "127.0.0.1\n", "-f"),
        ("hosts", "127.0.0.1\n", "-f"),
        ("./list", "127.0.0.1\n", "-f"),
        ("scan.xml", "<nmaprun/>", "--inventory"),
        ("out.gnmap", "# Nmap", "--inventory"),
        ("known_hosts", "", "--inventory"),
        ("records.jsonl", '{"type":"sweep","tool":"x"}\n', "--from-records"),
        ("records.json", '{"ip":"127.0.0.1","ports":[]}', "--inventory"),
    ],
)
def test_a_file_as_a_target(name: str, content: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(name).write_text(content)
    assert error(capsys, "scan", name) == f"`{name}` is a file here: `{option} {name}` reads the targets in it"
    assert error(capsys, "scan", "127.0.0.1", name, "--count").startswith(f"`{name}` is a file here")


RECORDS = b'{"type":"sweep","schema":"1.0"}\n'


@pytest.mark.parametrize("content", [RECORDS, b'{"sweep":{"type":"sweep"}}'], ids=["lines", "document"])
@pytest.mark.parametrize(
    "name",
    [
        *("r.json", "r.jsonl", "r.ndjson", "r.txt", "./r", "r.jsonl~", "r.jsonl.interrupted~"),
        *("r.jsonl.zst", "./r.jsonl.zst", "r.jsonl.gz", "r.JSONL.GZ", "r.json.zst", "r.ndjson.zst", "r.gz", "r.zst~"),
    ],
)
def test_records_as_a_target(name: str, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    data = zstandard.compress(content) if ".zst" in name else content
    Path(name).write_bytes(gzip.compress(content) if ".gz" in name.lower() else data)
    words = error(capsys, "scan", "--count", name)
    assert words == f"`{name}` is a file here: `--from-records {name}` reads the targets in it"


def test_compressed_records_that_are_damaged_as_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.jsonl.zst").write_bytes(zstandard.compress(RECORDS)[:4] + b"\xff" * 20)
    assert error(capsys, "scan", "r.jsonl.zst").startswith("`r.jsonl.zst` is a file here: `--inventory r.jsonl.zst`")


def test_a_history_or_a_profile_as_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    Path("fleet.db").write_bytes(b"SQLite format 3\0" + bytes(84))
    words = "`fleet.db` is a file here: `sshprobe history list --history fleet.db` lists the scans in it"
    assert error(capsys, "scan", "fleet.db") == words
    Path("ours.toml").write_text("")
    assert error(capsys, "scan", "ours.toml") == "`ours.toml` is a file here: `--profile ours.toml` grades by it"
    Path("web.db").write_text("")
    assert main(["scan", "--count", "web.db"]) == 0


def test_a_host_may_have_the_name_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("web1.example.org").write_text("")
    Path("hosts.txt").mkdir()
    assert main(["scan", "--count", "web1.example.org", "hosts.txt"]) == 0
    assert capsys.readouterr().out == "2\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("127.0.0.1", "2222"), "write `127.0.0.1:2222`"),
        (("web1.example.org", "22"), "write `web1.example.org:22`"),
        (("::1", "2222"), "write `[::1]:2222`"),
        (("10.0.0.0/24", "2222"), "write `HOST:2222`"),
        (("127.0.0.1:22", "2222"), "write `HOST:PORT`"),
    ],
)
def test_a_port_as_a_target(words: tuple[str, ...], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = error(capsys, "scan", *words)
    assert found == f"`{words[-1]}` is a port and not a host: {meant}, or `--port {words[-1]}` for all"


# -p


def test_ports_add_up(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def count(*arguments: str) -> int:
        assert main(["scan", "--count", *arguments]) == 0
        return int(capsys.readouterr().out)

    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path.cwd() / "config"))
    assert count("127.0.0.1") == 1
    assert count("-p", "22", "-p", "2222", "127.0.0.1") == 2
    assert count("-p", "22,24", "--port", "23-25", "-p", "22", "127.0.0.1") == 4
    assert count("-p", "22", "-p", "2222", "--save-as", "two", "127.0.0.1") == 2
    assert count("--saved", "two") == 2
    assert count("--saved", "two", "-p", "24") == 1  # as for every option, a given value replaces the saved one
    monkeypatch.setenv("SSHPROBE_SCAN_PORT", "22,2222 2223")
    assert count("127.0.0.1") == 3
    assert count("-p", "24", "127.0.0.1") == 1


def test_saved_ports_of_earlier_versions(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path.cwd()))
    Path("sshprobe").mkdir()
    for number, (value, expected) in enumerate([('"22,2222"', 2), ("2222", 1), ('["22", "24"]', 2)]):
        Path("sshprobe/config.toml").write_text(f'[scan.n{number}]\nport = {value}\ntargets = ["127.0.0.1"]\n')
        assert main(["scan", "--saved", f"n{number}", "--count"]) == 0, capsys.readouterr().err
        assert capsys.readouterr().out == f"{expected}\n"


@pytest.mark.parametrize("option", ["-oX", "-host", "-iL"])
def test_foreign_options_of_subcommands(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error(capsys, "profiles", "make", "127.0.0.1:1", option).startswith(f"`{option}` is an option of ")


@pytest.mark.parametrize(
    "command", [["scan", "127.0.0.1:1"], ["grade", "x"], ["report", "x"], ["profiles", "make", "127.0.0.1:1"]]
)
@pytest.mark.parametrize("word", ["-v", "--format", "--fix"])
def test_an_option_is_not_an_output_file(command: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error(capsys, *command, "-o", word).startswith(f"`-o` needs a file: `{word}` looks like an option")


def test_a_dash_is_not_the_file_of_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    words = "`-o -` is not a file: without `-o` the report goes to standard output"
    assert error(capsys, "report", "x.jsonl", "-o", "-") == words


@pytest.mark.parametrize("word", ["22,2222", "1-1024", "22,80-90"])
def test_ports_as_a_target(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error(capsys, "scan", "127.0.0.1", word) == f"`{word}` are ports and not a host: write `--port {word}`"
