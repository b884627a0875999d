"""Saved options and environment variables: writing, reading, and their order."""

import io
import os
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sshprobe.cli import main
from sshprobe.cli.main import COMMANDS
from sshprobe.cli.main import sshprobe as group
from sshprobe.cli.options.saved_options import SavableCommand
from sshprobe.cli.options.saved_values import NOT_SAVED

Run = Callable[..., tuple[int, str, str]]
FILE = Path("config/sshprobe/config.toml")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder with its own `config`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in list(os.environ):
        if name.startswith("SSHPROBE_") or name == "NO_PROGRESS":
            monkeypatch.delenv(name)

    def run(*arguments: str, stdin: bytes = b"", **variables: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            code = main(arguments)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def values() -> Callable[..., dict[str, object]]:
    """Parse a command line of `scan` and return the values of its parameters."""

    def values(*arguments: str) -> dict[str, object]:
        context = click.Context(group, info_name="sshprobe")
        command = group.get_command(context, "scan")
        assert command is not None
        return command.make_context("scan", list(arguments), parent=context).params

    return values


Values = Callable[..., dict[str, object]]


def saved() -> dict[str, object]:
    tables: dict[str, object] = tomllib.loads(FILE.read_text(encoding="utf-8"))["scan"]
    return tables


def write(text: str) -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, encoding="utf-8")


def test_only_given_options_are_saved(run: Run) -> None:
    code, out, err = run(
        *("scan", "--save-as", "nightly", "10.0.0.0/8", "web1", "-p", "22,8000-8010", "--yes", "-c", "500"),
        *("--rate", "12.5", "--timeout", "3", "--fail-on", "HIGH", "--fail-on", "B", "--client-id", 'SSH-2.0-a"\\b'),
        *("-4", "--fast", "--count"),
    )
    assert (code, err) == (0, f"saved as `nightly` in {Path.cwd() / FILE}\n")
    assert saved() == {
        "nightly": {
            "targets": ["10.0.0.0/8", "web1"],
            "port": "22,8000-8010",
            "yes": True,
            "concurrency": 500,
            "rate": 12.5,
            "timeout": 3,
            "fail-on": ["HIGH", "B"],
            "client-id": 'SSH-2.0-a"\\b',
            "ipv4": True,
            "fast": True,
        }
    }
    assert run("scan", "--saved", "nightly", "--count") == (0, out, "")


def test_every_saved_option_is_read_back(run: Run, values: Values) -> None:
    """Each option alone, with a value of its type."""
    samples = {"--exclude-file": "ours.txt", "--profile": "alibaba-ecs", "--seed": "7", "--fail-on": "low"}
    samples |= {"--client-id": "SSH-2.0-me", "--exclude": "10.0.0.1", "--label": "env=prod"}
    command = group.get_command(click.Context(group), "scan")
    assert command is not None
    options = [each for each in command.params if isinstance(each, click.Option) and each.name not in NOT_SAVED]
    Path("ours.txt").write_text("10.0.0.1\n")
    for number, option in enumerate(options):
        spelling = option.opts[-1]
        value = samples.get(spelling, "5")
        if isinstance(option.type, click.Choice):
            value = str(option.type.choices[-1])
        needed = {"--inventory-format": ["--inventory", "a"], "--status": ["--from-records", "a"]}
        needed |= {"--grade": needed["--status"], "--format": ["--fix"]}
        arguments = [*([spelling] if option.is_flag else [spelling, value]), *needed.get(spelling, ())]
        # With a target the command would scan, so the options are saved without one.
        if option.name in ("files", "inventories", "records", "inventory_format", "statuses", "grades"):
            table = "\n".join(
                f"{each[2:]} = {[v] if each != '--inventory-format' else repr(v)}"
                for each, v in zip(arguments[::2], arguments[1::2], strict=True)
            )
            write((FILE.read_text() if FILE.exists() else "") + f"[scan.n{number}]\n{table}\n")
        else:
            assert run("scan", "--save-as", f"n{number}", *arguments)[0] == 0
        assert values("--saved", f"n{number}") == values(*arguments), spelling


def test_the_rest_of_the_file_is_unchanged(run: Run) -> None:
    write("# mine\n[scan.a]\nfast=true # yes\n\n[other]\nx = 1")
    assert run("scan", "--save-as", "b", "--fast")[0] == 0
    assert FILE.read_text() == "# mine\n[scan.a]\nfast=true # yes\n\n[other]\nx = 1\n\n[scan.b]\nfast = true\n"
    code, _, err = run("scan", "--save-as", "a", "-c", "9")
    assert code == 2
    assert f"{FILE}:2: `a` is saved already" in err
    assert run("scan", "--save-as", "c")[0] == 0
    assert saved()["c"] == {}
    FILE.chmod(0o600)
    assert run("scan", "--save-as", "d")[0] == 0
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "arguments",
    [
        ["--save-as", "a b"],
        ["--save-as", ""],
        ["--save-as", "a", "--client-id", "HTTP/1.1"],
        ["--save-as", "a", "--profile", "mozila"],
        ["--save-as", "a", "--exclude", "10.0.0.0/99"],
        ["--save-as", "a", "--status", "ok"],
        ["--save-as", "a", "-c", "0"],
        ["--save-as", "a", "10.0.0.0/8"],
        ["--save-as", "a", "--auth-user", "\udcff"],
    ],
)
def test_unusable_options_are_not_saved(arguments: list[str], run: Run) -> None:
    code, out, err = run("scan", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not FILE.exists()


BAD = {
    "not TOML": ("[scan.a]\nfast = yes\n", ":2: not TOML"),
    "not UTF-8": ("[scan.a]\n# \udcff\n", ":2: is not UTF-8 text"),
    "an unknown option": (
        "[scan.a]\n\nconcurency = 5\n",
        ":3: scan.a.concurency: is not an option that can be saved: did you mean `con",
    ),
    "an option of one run": ("[scan.a]\nresume = 'x'\n", ":2: scan.a.resume: is not an option that can be saved"),
    "a flag with text": ("[scan.a]\nfast = 'yes'\n", ":2: scan.a.fast: must be true or false"),
    "a number with text": ("[scan.a]\nrate = 'x'\n", ":2: scan.a.rate: 'x' is not a number"),
    "half a host at once": ("[scan.a]\nconcurrency = 1.5\n", ":2: scan.a.concurrency: '1.5' is not a whole number"),
    "a number out of range": ("[scan.a]\nconcurrency = 0\n", ":2: scan.a.concurrency: 0 is not between 1 and"),
    "a truth as a number": ("[scan.a]\ntimeout = true\n", ":2: scan.a.timeout: must be a string or a number"),
    "one of many": ("[scan.a]\nfail-on = 'low'\n", ":2: scan.a.fail-on: must be a list of strings"),
    "a list of lists": ("[scan.a]\ntargets = [['x']]\n", ":2: scan.a.targets: must be a list of strings"),
    "a date": ("[scan.a]\nrate = 2026-11-21\n", ":2: scan.a.rate: must be a string or a number"),
    "no table": ("[scan]\na = 1\n", ":2: scan.a: is not a table"),
    "no table of tables": ("scan = 1\n", ":1: scan: is not a table"),
    "another name": ("[scan.b]\n", ": no options are saved as 'a': saved: 'b'"),
    "no name": ("", ": no options are saved as 'a': use `sshprobe scan --save-as NAME`"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_line_that_names_it(what: str, run: Run) -> None:
    text, message = BAD[what]
    FILE.parent.mkdir(parents=True)
    FILE.write_bytes(text.encode("utf-8", "surrogateescape"))
    code, out, err = run("scan", "--saved", "a", "10.0.0.0/30", "--count")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {Path.cwd() / FILE}{message}")
    assert err.count("\n") == 1


def test_nothing_is_added_to_a_file_that_could_not_be_read_again(run: Run) -> None:
    for text in ("scan = {}\n", "[scan.a\n"):
        write(text)
        assert run("scan", "--save-as", "b", "--fast")[0] == 2
        assert FILE.read_text() == text


def test_a_folder_or_an_unwritable_place_is_an_error(run: Run, tmp_path: Path) -> None:
    FILE.mkdir(parents=True)
    assert "Is a directory" in run("scan", "--saved", "a", "x")[2]
    (tmp_path / "file").write_text("")
    code, _, err = run("scan", "--save-as", "a", XDG_CONFIG_HOME=str(tmp_path / "file"))
    assert code == 2
    assert "cannot be" in err
    assert err.count("\n") == 1


def test_command_line_before_environment_before_saved_before_default(
    run: Run, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert values()["timeout"] == 10.0
    write("[scan.a]\ntimeout = 1\nfast = true\nfail-on = ['low']\nstrict = true\n")
    assert values("--saved", "a")["timeout"] == 1.0
    monkeypatch.setenv("SSHPROBE_SCAN_TIMEOUT", "2")
    monkeypatch.setenv("SSHPROBE_SCAN_FAST", "0")
    monkeypatch.setenv("SSHPROBE_SCAN_FAIL_ON", "medium B")
    monkeypatch.setenv("SSHPROBE_SCAN_STRICT", "")
    found = values("--saved", "a")
    assert (found["timeout"], found["fast"], found["thresholds"]) == (2.0, False, ("medium", "B"))
    assert found["strict"] is True  # an empty variable counts as not set
    found = values("--saved", "a", "--timeout", "3", "--fast", "--fail-on", "high")
    assert (found["timeout"], found["fast"], found["thresholds"]) == (3.0, True, ("high",))


def test_exclusions_add_up(run: Run, values: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    write("[scan.a]\nexclude = ['10.0.0.1']\n")
    assert values("--saved", "a")["exclude"] == ("10.0.0.1",)
    monkeypatch.setenv("SSHPROBE_SCAN_EXCLUDE", "10.0.0.2 10.0.0.3")
    found = values("--saved", "a", "--exclude", "10.0.0.4")["exclude"]
    assert found == ("10.0.0.4", "10.0.0.2", "10.0.0.3", "10.0.0.1")
    assert run("scan", "--saved", "a", "--exclude", "10.0.0.4", "--save-as", "b")[0] == 0
    assert saved()["b"] == {"exclude": ["10.0.0.4", "10.0.0.1"]}  # values from the environment are not saved


def test_options_with_one_meaning_replace_each_other(run: Run, values: Values) -> None:
    write(
        "[scan.a]\ntargets = ['web1']\nfile = ['hosts.txt']\nyes = true\nipv4 = true\noutput = 'a.jsonl'\n"
        "[scan.r]\nfrom-records = ['a']\nstatus = ['timeout']\nformat = 'json'\n"
    )
    found = values("--saved", "a", "db1", "-6", "-o", "b.json")
    assert [found[name] for name in ("targets", "files", "yes", "ipv4", "ipv6")] == [("db1",), (), False, False, True]
    assert found["output"] == "b.json"
    found = values("--saved", "a", "-f", "more.txt", "--yes")
    assert [found[name] for name in ("targets", "files", "yes")] == [(), ("more.txt",), True]
    found = values("--saved", "a", "--resume", "a.jsonl")
    assert (found["output"], found["resume"], found["targets"]) == (None, "a.jsonl", ("web1",))
    found = values("--saved", "r", "--status", "reset")
    assert (found["records"], found["statuses"]) == (("a",), ("reset",))
    found = values("--saved", "r", "db1", "-o", "b.jsonl")
    assert (found["targets"], found["records"], found["statuses"], found["format_"]) == (("db1",), (), (), None)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SSHPROBE_SCAN_CONCURRENCY", "many", "SSHPROBE_SCAN_CONCURRENCY: 'many' is not a whole number"),
        ("SSHPROBE_SCAN_FAST", "perhaps", "SSHPROBE_SCAN_FAST: 'perhaps' is not a valid boolean"),
        ("SSHPROBE_SCAN_FAIL_ON", "low E", "SSHPROBE_SCAN_FAIL_ON: 'E' is not one of 'critical'"),
        ("SSHPROBE_SCAN_SAVED", "nightly", "no options are saved as 'nightly'"),
        ("NO_PROGRESS", "perhaps", "NO_PROGRESS: 'perhaps' is not a valid boolean"),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, message: str, run: Run) -> None:
    code, out, err = run("scan", "10.0.0.0/30", "--count", **{variable: value})
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("SSHPROBE_SCAN_EXCLUDES", ": did you mean SSHPROBE_SCAN_EXCLUDE?"),
        ("SSHPROBE_SCAN_SERVICE_HOST", ""),
    ],
)
def test_a_variable_without_an_option_is_noted(
    variable: str, words: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (variable, "SSHPROBE_SCAN_PORT"):
        monkeypatch.setenv(name, "1")
    said = f"note: {variable} in the environment is not an option of `sshprobe scan`{words}\n"
    assert run("scan", "--count", "10.0.0.1") == (0, "1\n", said)
    monkeypatch.setenv(variable, "")
    assert run("scan", "--count", "10.0.0.1") == (0, "1\n", "")


@pytest.mark.parametrize("variable", ["NO_PROGRESS", "SSHPROBE_SCAN_NO_PROGRESS"])
def test_no_progress_has_two_variables(variable: str, values: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROGRESS", raising=False)
    assert values()["no_progress"] is False
    monkeypatch.setenv(variable, "1")
    assert values()["no_progress"] is True


def test_every_option_of_every_command_has_a_variable(run: Run) -> None:
    names = []
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option) and option.allow_from_autoenv:
                assert isinstance(option.envvar, list)
                names.append(option.envvar[0])
    assert len(names) == len(set(names))
    for name in (
        "SCAN_PORT",
        "SCAN_IPV4",
        "SCAN_PROFILE",
        "SCAN_FORMAT",
        "SCAN_SAVED",
        "GRADE_WEAK_KEYS",
        "DEMO_OUTPUT",
    ):
        assert f"SSHPROBE_{name}" in names
    assert "SSHPROBE_SCAN_SAVE_AS" not in names
    assert isinstance(group.get_command(click.Context(group), "scan"), SavableCommand)


@pytest.mark.parametrize(
    ("table", "given", "left"),
    [
        ("fix = true", ["--format", "json"], {"fix": False, "format_": "json"}),
        ("fix = true", ["--format", "ansible"], {"fix": True, "format_": "ansible"}),
        ("fix = true", ["-v"], {"fix": False, "verbose": True}),
        ('format = "json"', ["--fix"], {"fix": True, "format_": None}),
        ("verbose = true", ["--fix"], {"fix": True, "verbose": False}),
        ('fix = true\nformat = "ansible"', [], {"fix": True, "format_": "ansible"}),
        ('fix = true\nformat = "ansible"', ["--format", "table"], {"fix": False, "format_": "table"}),
    ],
)
def test_given_options_replace_a_saved_fix_and_vice_versa(
    table: str, given: list[str], left: dict[str, object], run: Run, values: Values
) -> None:
    write(f'[scan.lab]\ntargets = ["web1"]\n{table}\n')
    assert left.items() <= values("--saved", "lab", *given).items()
