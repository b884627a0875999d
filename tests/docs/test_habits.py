"""`scripts/habits` counts phrases to avoid, and no correct English."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

LOADER = SourceFileLoader("habits", str(Path(__file__).parents[2] / "scripts" / "habits"))


# The texts below are examples of what is counted (first test) and of what is not (second test). They are bad on
# purpose.


def _habits(text: str) -> list[tuple[int, str]]:
    spec = spec_from_loader("habits", LOADER)
    assert spec is not None
    module: Any = module_from_spec(spec)
    LOADER.exec_module(module)
    return [(line, habit) for line, habit, _ in module._found(text)]


@pytest.mark.parametrize(
    ("text", "habit"),
    [
        ("the text is no number", "is no X"),
        ("a name that is none", "is none"),
        ("fix it, or mend it", "mend"),
        ("lists of which one is empty", "of which"),
        ("the caller is told", "is told"),
        ("whoever reads this", "whoever"),
        ("a host, be it named twice", "be it"),
        ("it comes all the same.", "all the same"),
        ("what is asked next", "what came"),
        ("its port is that of the server", "that of"),
        ("Nothing waits: who has to wait leaves", "bare who"),
        ("what comes of it", "what came"),
        ("judged anew", "anew"),
        ("it was said before", "is said"),
    ],
)
def test_a_habit_is_counted(text: str, habit: str) -> None:
    assert (1, habit) in _habits(text)


@pytest.mark.parametrize(
    "text",
    [
        "There is no route to it, and there are no hosts.",
        "It is no longer there, and is no weaker than the other.",
        "None where there is none; if value is None:",
        "They are all the same size, and can be told apart.",
        "A user who reads it finds out who answers.",
    ],
)
def test_correct_english_is_not_counted(text: str) -> None:
    assert _habits(text) == []


def test_a_phrase_over_two_lines_of_a_comment_is_counted_at_its_first_line() -> None:
    assert _habits("x = 1\n    # the port is\n    # no number\n") == [(2, "is no X")]
