"""The arguments of a `Scanner` are checked before it contacts anything."""

import asyncio
import inspect
import math
import re
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import msgspec
import pytest

from sshprobe import InputError, Scanner, load_profile
from sshprobe.scan.settings import ScanSettings
from sshprobe.targets import Exclusions
from tests.grading.observations import modern

NOTHING = Exclusions()


def test_profiles_can_be_ids() -> None:
    scanner = Scanner(profiles=["mozilla-modern", load_profile("alibaba-ecs")])
    verdicts = scanner._context.result(modern()).record.verdicts
    assert [verdict.profile for verdict in verdicts] == ["mozilla-modern", "alibaba-ecs"]


@pytest.mark.parametrize(
    ("profiles", "error", "words"),
    [
        (["mozila-modern"], InputError, "unknown profile `mozila-modern`"),
        ("mozilla-modern", TypeError, "a list of profiles"),
        ([7], TypeError, "`int` is not a profile"),
    ],
)
def test_a_value_that_is_not_a_profile_is_refused(profiles: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Scanner(profiles=profiles)


@pytest.mark.parametrize(
    "exclude",
    [
        "127.0.0.0/29",
        ["192.0.2.1", "127.0.0.1-7"],
        iter(["127.0.0.*"]),
        ip_network("127.0.0.0/29"),
        [ip_address("127.0.0.5"), ip_interface("127.0.0.6/8")],
        {ip_network("127.0.0.0/8")},
    ],
)
def test_exclusions_can_be_words(exclude: Any) -> None:
    async def statuses() -> list[str]:
        async with Scanner(exclude=exclude) as scanner:
            return [record.status async for record in scanner.scan(["127.0.0.5", "127.0.0.6:2222"])]

    assert asyncio.run(statuses()) == ["excluded", "excluded"]


def test_a_malformed_exclusion_raises_before_contact() -> None:
    with pytest.raises(InputError, match=r"127\.1"):
        Scanner(exclude=["127.1"])
    for wrong in (b"127.0.0.1", [b"127.0.0.1"], [("127.0.0.1", 22)], [None], 7):
        with pytest.raises(TypeError):
            Scanner(exclude=wrong)  # type: ignore[arg-type] # a wrong type on purpose


@pytest.mark.parametrize(
    "setting",
    [
        {"depth": "deep"},
        {"family": 5},
        {"timeout": 0},
        {"timeout": math.nan},
        {"concurrency": 0},
        {"rate": 0},
        {"throttle_wait": -1},
        {"auth_users": []},
    ],
    ids=str,
)
def test_a_setting_out_of_range_raises(setting: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        Scanner(**setting)


def test_every_argument_is_explained_with_its_default() -> None:
    points = re.findall(r"^- `(\w+)`: (.*?)(?=^- |\n\n)", inspect.getdoc(Scanner) or "", re.DOTALL | re.MULTILINE)
    explained = {name: " ".join(text.split()) for name, text in points}
    parameters = inspect.signature(Scanner).parameters
    assert list(explained) == list(parameters)
    for name, parameter in parameters.items():
        default = parameter.default if isinstance(parameter.default, tuple) else (parameter.default,)
        values = [f"{each:g}" if isinstance(each, float) else str(each) for each in default]
        assert "default" in explained[name].lower(), name
        assert all(value in explained[name] for value in values), name


def test_defaults_equal_the_settings() -> None:
    ours = Scanner()._context.settings
    assert msgspec.structs.replace(ours, exclude=NOTHING) == ScanSettings(profiles=(load_profile(),), exclude=NOTHING)


def test_public_attributes_are_the_documented_ones() -> None:
    shown = {name for name in {*dir(Scanner), *vars(Scanner())} if not name.startswith("_")}
    assert shown == {"progress", "scan", "scan_one", "stop"}
