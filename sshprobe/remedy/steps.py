"""Changes on a server as data, each with its effect on an observation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import msgspec

from sshprobe.algorithms import AlgorithmType, canonical
from sshprobe.grading.strength import has_post_quantum
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Change
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.remedy.remedy_context import AGAINST_A_NAME

NO_QUANTUM = "no post-quantum exchange is left: the profile accepts none that the server offers"


Effect = Callable[[Observation], Observation]


class Step(NamedTuple):
    """A change and its effect on an observation."""

    change: Change
    effect: Effect


def config_step(text: str | Iterable[str], effect: Effect, *, comment: str, **more: object) -> Step:
    """Return the step for one or several lines of sshd_config. `more`: further fields of the change."""
    lines = (text,) if isinstance(text, str) else tuple(text)
    return Step(msgspec.structs.replace(Change(kind="sshd_config", text=lines, comment=comment), **more), effect)


def after(observation: Observation, steps: Iterable[Step]) -> Observation:
    """Return the observation after all steps."""
    return reduce(lambda changed, step: step.effect(changed), steps, observation)


def minimal_steps(steps: Sequence[Step], are_equal: Callable[[Sequence[Step], Sequence[Step]], bool]) -> list[Step]:
    """Return a minimal subset of the steps with the same outcome: none of its steps can be left out.

    `are_equal(some, steps)` returns whether some of the steps have the same outcome as all of them.
    """
    kept = list(steps)
    found = True
    while found:
        found = False
        for step in reversed(kept):
            others = [other for other in kept if other is not step]
            if are_equal(others, steps):
                kept, found = others, True
                break
    return kept


def reasons(findings: Iterable[Finding], names: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the messages of findings, each once with its algorithms. `names`: only findings about these."""
    wanted = None if names is None else set(names)
    said: dict[str, list[str]] = {}
    for finding in findings:
        if wanted is None or finding.algorithm in wanted:
            said.setdefault(finding.message, []).append(finding.algorithm or "")
    return tuple(f"{', '.join(filter(None, found))}: {message}".removeprefix(": ") for message, found in said.items())


def quantum_goes(observation: Observation, category: AlgorithmType, left: Iterable[str]) -> tuple[str, ...]:
    """Return a reason if the server had a post-quantum exchange but `left` has none."""
    had = category == "kex" and has_post_quantum(observation.kex_algorithms or ())
    return () if not had or has_post_quantum(left) else (NO_QUANTUM,)


def reasons_to_go(before: Verdict, category: AlgorithmType, gone: Iterable[str]) -> tuple[str, ...]:
    """Return the reasons for removing names: their findings, or Terrapin for names without a finding."""
    same = {canonical(category, name) for name in gone}
    ids = {f"{category}.{kind}" for kind in AGAINST_A_NAME}
    about = [
        finding
        for finding in before.findings
        if finding.id in ids and finding.severity != "note" and canonical(category, finding.algorithm or "") in same
    ]
    found = reasons(about)
    said = {canonical(category, finding.algorithm or "") for finding in about}
    rest = sorted(set(gone) - {name for name in gone if canonical(category, name) in said})
    terrapin = [finding for finding in before.findings if finding.id == "kex.terrapin"]
    return (*found, f"{', '.join(rest)}: {terrapin[0].message}") if rest and terrapin else found
