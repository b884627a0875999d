"""Labels of targets, "key=value": comments in files, variables of inventories, and `--label`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sshprobe.model.errors import InputError

MAX_LABELS = 8
"""Labels of one target."""

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}=[^\s=,][^\s,]{0,127}")
"""A key and a value, which can be written after `--label` and in a comment without quotes."""


def is_label(text: str) -> bool:
    """Return whether a text is a label."""
    return _LABEL.fullmatch(text) is not None and text.isprintable()


def labels_of_comment(comment: str) -> tuple[str, ...]:
    """Return the labels of a comment that has nothing else; no labels for any other comment."""
    words = comment.split()
    return tuple(dict.fromkeys(words)) if all(map(is_label, words)) else ()


def joined(
    common: Sequence[str], own: Iterable[str], *, source: str | None = None, line: int | None = None
) -> tuple[str, ...]:
    """Return the labels of one target: those of all targets and its own. Raises `InputError` if there are too many."""
    labels = tuple(dict.fromkeys((*common, *own)))
    if len(labels) > MAX_LABELS:
        raise InputError(f"has {len(labels)} labels: a target has at most {MAX_LABELS}", source=source, line=line)
    return labels
