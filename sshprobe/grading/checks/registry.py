"""Registers checks. A check is a function in a module of this package, next to the types of its findings.

All modules of the package are imported, so a new file is enough: see "Add a check" in CONTRIBUTING.md.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple, get_args

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType
from sshprobe.grading.findings import FindingType
from sshprobe.grading.offers import Offer, offers_by_type
from sshprobe.grading.sizes import group_exchange_methods
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Category, Finding
from sshprobe.profiles import AlgorithmRule, Profile

_CATEGORIES: tuple[Category, ...] = get_args(Category)


class GradedHost(msgspec.Struct, frozen=True):
    """The argument of every check: one host under one profile."""

    observation: Observation
    profile: Profile
    strict: bool
    """Whether an algorithm that the profile does not name is a deviation even if it is as strong as the named ones."""
    rules: dict[AlgorithmType, AlgorithmRule | None]
    """The rule of the profile for each type of algorithm."""
    offers: dict[AlgorithmType, dict[str, Offer]]
    """The server's offers by canonical name, for each type whose lists were seen."""
    offers_group_exchange: bool


def graded_host(observation: Observation, profile: Profile, *, strict: bool = False) -> GradedHost:
    """Return the argument of checks for an observation."""
    rules = {category: profile.algorithms(category) for category in ALGORITHM_TYPES}
    offers = offers_by_type(observation)
    return GradedHost(observation, profile, strict, rules, offers, bool(group_exchange_methods(observation)))


Find = Callable[[GradedHost], Iterable[Finding]]
"""Returns the findings on a host. An unobserved fact causes no finding and never passes: see `Missing`."""

Missing = Callable[[GradedHost], Iterable[str]]
"""Returns descriptions of the unobserved facts that the profile needs."""


class Check(NamedTuple):
    """One registered check."""

    find: Find
    missing: Missing | None
    types: tuple[FindingType, ...]


_checks: list[Check] = []
_types: dict[str, FindingType] = {}


def check(*types: FindingType, missing: Missing | None = None) -> Callable[[Find], Find]:
    """Register the decorated function as the check that finds `types`, at least one.

    `missing` returns the unobserved facts that the check needs under the profile. Raises ValueError for
    an id of another check.
    """

    def register(find: Find) -> Find:
        add_types(*types)
        _checks.append(Check(find, missing, types))
        return find

    return register


def add_types(*types: FindingType) -> None:
    """Register types of findings that belong to no check. Raises ValueError for an id that is in use."""
    for each in types:
        if each.id in _types:
            raise ValueError(f"two types of findings have the id {each.id}")
        _types[each.id] = each


@cache
def checks() -> tuple[Check, ...]:
    """Return all checks, sorted by the category of their first type and by module, then in order of registration."""
    package = importlib.import_module(__name__.rpartition(".")[0])
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return tuple(sorted(_checks, key=lambda each: (_CATEGORIES.index(each.types[0].category), each.find.__module__)))


def judge(host: GradedHost) -> list[Finding]:
    """Return the findings of all checks on a host."""
    found: list[Finding] = []
    for each in checks():
        found += each.find(host)
    return found


def not_observed(host: GradedHost) -> list[str]:
    """Return descriptions of the unobserved facts that any check needs: `Verdict.not_observed`."""
    found: list[str] = []
    for each in checks():
        if each.missing is not None:
            found += each.missing(host)
    return found


def finding_types() -> dict[str, FindingType]:
    """Return every type of finding by id, sorted."""
    checks()
    return dict(sorted(_types.items()))


def explain_finding(id: str) -> FindingType:
    """Return the type of a finding. Raises `InputError` for an unknown id."""
    checks()
    try:
        return _types[id]
    except KeyError:
        raise InputError(f"unknown finding `{id}`") from None


def weakness_meanings() -> dict[str, str]:
    """Return every code of `Finding.weaknesses` with its meaning."""
    return {code: meaning for each in finding_types().values() for code, meaning in each.codes.items()}
