"""Deferred modules are loaded at their first use, once, and are then like any other."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sshprobe.cli.run import IMPORTED_AHEAD
from sshprobe.deferred_imports import defer_imports

NAME = "sshprobe_test_deferred"


@pytest.fixture(autouse=True)
def module_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / f"{NAME}.py").write_text(
        "import sys\nsys.loaded_late.append(__name__)\nvalue = 5\ndef get(): return value\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "loaded_late", [], raising=False)
    yield
    sys.modules.pop(NAME, None)


def loads() -> int:
    return len(vars(sys)["loaded_late"])


def test_an_import_statement_does_not_load() -> None:
    defer_imports(NAME)
    module: Any = import_module(NAME)
    exec(f"import {NAME}")
    assert loads() == 0
    assert module.value == 5
    module.value = 6
    assert (module.get(), import_module(NAME) is module, loads()) == (6, True, 1)
    assert module.__spec__ is not None
    assert Path(str(module.__file__)).name == f"{NAME}.py"


def test_a_name_imported_from_it_loads() -> None:
    defer_imports(NAME)
    scope: dict[str, object] = {}
    exec(f"from {NAME} import value", scope)
    assert (scope["value"], loads()) == (5, 1)


def test_loaded_modules_stay() -> None:
    module = import_module(NAME)
    defer_imports(NAME)
    assert (import_module(NAME) is module, loads()) == (True, 1)


def test_other_threads_wait_until_it_is_complete(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.py").write_text(
        "import sys, threading\n"
        "threading.Thread(target=sys.read_it, daemon=True).start()\n"
        "sys.started.wait(10); sys.answered.wait(0.05)\n"  # without the lock, the other thread answers in this time
        "value = 5\n"
    )
    found: list[object] = []
    state = vars(sys)
    state["started"], state["answered"] = threading.Event(), threading.Event()

    def read() -> None:
        state["started"].set()
        found.append(getattr(import_module(NAME), "value", "not there"))
        state["answered"].set()

    state["read_it"] = read
    defer_imports(NAME)
    module: Any = import_module(NAME)
    try:
        assert module.value == 5
        assert state["answered"].wait(10)
    finally:
        for name in ("started", "answered", "read_it"):
            del state[name]
    assert found == [5]


def test_a_missing_module_is_reported_at_its_use() -> None:
    defer_imports("sshprobe_test_missing")
    module: Any = import_module("sshprobe_test_missing")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            _ = module.value


def test_what_the_command_defers_is_there_for_others() -> None:
    code = (
        "from sshprobe.__main__ import NOT_FOR_SSH\nfrom sshprobe.deferred_imports import defer_imports\n"
        "defer_imports(*NOT_FOR_SSH)\n"
        "import asyncio, ssl, sys\n"
        "assert '_ssl' not in sys.modules\n"
        "context = ssl.create_default_context()\n"
        "from asyncio.sslproto import SSLProtocol as protocol\n"
        "assert protocol.__module__ == 'asyncio.sslproto' and isinstance(context, ssl.SSLContext)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_modules_that_a_scan_imports_ahead_exist() -> None:
    """The scan does not notice a wrong name: it imports the module later, while a host waits."""
    assert [name for name in IMPORTED_AHEAD if find_spec(name) is None] == []
