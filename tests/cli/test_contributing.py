"""The examples of CONTRIBUTING.md for an inventory and a command work unchanged."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from sshprobe.cli import main
from sshprobe.cli.command_group import LazyCommand
from sshprobe.cli.main import COMMANDS
from sshprobe.model.errors import InputError
from sshprobe.targets import inventories, parse_targets
from tests.sample_records import HEADER, captured

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ModuleType]:
    """Return a function that makes a module of the example in a section."""

    def make(section: str, name: str) -> ModuleType:
        text = PAGE.partition(f"## {section}\n")[2].partition("```python\n")[2].partition("```")[0]
        module = ModuleType(name)
        exec(compile(text, "CONTRIBUTING.md", "exec"), vars(module))
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


def test_add_an_inventory(
    example: Callable[[str, str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = example("Add an inventory", "sshprobe.targets.inventories.etc_hosts")
    monkeypatch.setitem(inventories._FORMS, "etc-hosts", [(inventories._always, module.read_hosts)])
    file = tmp_path / "hosts"
    file.write_text("# ours\n192.0.2.1 web1 web1.example.org # front\n2001:db8::1 web2\n")
    stream = parse_targets([], inventories=[str(file)], inventory_format="etc-hosts")
    assert sorted((each.text, each.host) for each in stream) == [("web1", "192.0.2.1"), ("web2", "2001:db8::1")]
    file.write_text("192.0.2.1 web1\n192.0.2.2\n")
    with pytest.raises(InputError, match=r"hosts:2: is not a line of /etc/hosts"):
        parse_targets([], inventories=[str(file)], inventory_format="etc-hosts")


def test_add_a_command(
    example: Callable[[str, str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    example("Add a command", "sshprobe.cli.count")
    line = LazyCommand("sshprobe.cli.count:count", "Count the hosts in saved records.")
    monkeypatch.setitem(COMMANDS, "count", line)
    file = tmp_path / "saved.jsonl"
    host = captured("openssh-debian12-9.2p1")
    file.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in (HEADER, host)))
    assert main(["count", str(file)]) == 0
    assert capsys.readouterr().out == "1\n"
    assert main(["--help"]) == 0
    assert line.help in capsys.readouterr().out
    assert main(["count", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
