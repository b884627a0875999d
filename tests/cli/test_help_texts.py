"""Help fits a terminal of 80 columns and shows no types of the code."""

import re
from collections.abc import Iterator

import click
import pytest

from sshprobe.cli import main
from sshprobe.cli.main import COMMANDS
from sshprobe.cli.main import sshprobe as sshprobe_group


def helps() -> Iterator[tuple[str, str]]:
    """Yield each command, those under `profiles` too, and its help."""
    # click keeps the help option that a command has in its first context, also for later ones.
    context = click.Context(
        sshprobe_group,
        info_name="sshprobe",
        terminal_width=80,
        max_content_width=80,
        help_option_names=["-h", "--help"],
    )
    yield "sshprobe", sshprobe_group.get_help(context)
    for name in COMMANDS:
        command = sshprobe_group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield name, command.get_help(inner)
        if isinstance(command, click.Group):
            for each, below in command.commands.items():
                yield f"{name} {each}", below.get_help(click.Context(below, info_name=each, parent=inner))


@pytest.mark.parametrize(("command", "text"), list(helps()), ids=lambda value: value if len(value) < 20 else "")
def test_help_fits_80_columns_and_leaks_no_types(command: str, text: str) -> None:
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"RANGE|<=|INTEGER|\[\w+(\|\w+){6,}", text)
    assert not re.search(r"(?i)\bsweep", text), "users scan"


def option_texts() -> Iterator[tuple[str, str]]:
    """Yield each option of each command and its help."""
    context = click.Context(sshprobe_group, info_name="sshprobe")
    for name in COMMANDS:
        command = sshprobe_group.get_command(context, name)
        assert command is not None
        for each in (command, *getattr(command, "commands", {}).values()):
            for option in each.params:
                if isinstance(option, click.Option):
                    yield f"{each.name} {option.opts[-1]}", option.help or ""


@pytest.mark.parametrize(("option", "text"), list(option_texts()), ids=lambda value: value if len(value) < 30 else "")
def test_the_help_of_an_option_is_a_short_sentence_in_the_imperative(option: str, text: str) -> None:
    """At most 12 words, one example, a list of values, a default, and "Repeatable"."""
    sentence = re.split(r" Repeatable|, e\.g\. |  \[default|: ", text)[0]
    assert 2 <= len(sentence.split()) <= 12
    assert text.count("e.g.") <= 1
    assert text.endswith((".", "]"))
    assert re.match("[A-Z][a-z]+ ", text)
    assert not re.search(r"(?i)^(what|who|how|the|a|an|as) ", text)


def test_the_list_of_profiles_fits_a_screen_and_is_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["profiles", "list"]) == 0
    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 80
    monkeypatch.delenv("COLUMNS")
    assert main(["profiles", "list"]) == 0
    whole = capsys.readouterr().out
    assert len(whole.splitlines()) < len(narrow.splitlines())
    assert sorted(whole.split()) == sorted(narrow.split())
