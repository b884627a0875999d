"""The fuzz targets as ordinary tests: their seeds, every captured server, and some random input."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import fuzz_blobs, fuzz_ciphers, fuzz_transport
from fuzz.run import TARGETS
from tests.wire.playbook import packet

CAPTURES = sorted((Path(__file__).parents[1] / "captures").rglob("*.bin"))
MODULES: list[ModuleType] = [fuzz_blobs, fuzz_transport, fuzz_ciphers]


def test_every_target_is_tested() -> None:
    assert [importlib.import_module(f"fuzz.{name}") for name in TARGETS] == MODULES


@pytest.mark.parametrize("target", MODULES, ids=TARGETS)
def test_seeds(target: ModuleType) -> None:
    seeds = list(target.seeds())
    assert len(seeds) > 100
    for seed in seeds:
        target.one_input(seed)
        for cut in (1, 2, 3, 7, 20):
            target.one_input(seed[:-cut])


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_captures(capture: Path) -> None:
    data = capture.read_bytes()
    for flags in range(0xA0, 0x100, 0x10):
        fuzz_transport.one_input(bytes((flags,)) + data)
    for parser in range(len(fuzz_blobs.PARSERS)):
        fuzz_blobs.one_input(bytes((parser,)) + data)


@pytest.mark.parametrize("target", MODULES, ids=TARGETS)
@given(data=st.binary(max_size=400))
def test_arbitrary_inputs(target: ModuleType, data: bytes) -> None:
    target.one_input(data)


def test_seeds_reach_the_end() -> None:
    """A fuzzer that never passes KEXINIT finds nothing behind it."""
    reached = set()
    for seed in fuzz_transport.seeds():
        events, _, sent = fuzz_transport.converse(seed[0], [fuzz_transport.stream(seed)])
        reached |= {type(event).__name__ for event in events} | {f"sent {number}" for number in sent}
    assert reached >= {
        "LineReceived",
        "IdentificationReceived",
        "KexInitReceived",
        "GroupReceived",
        "HostKeyReceived",
        "ExtensionsReceived",
        "AuthenticationBanner",
        "AuthenticationFailed",
        "DisconnectReceived",
        "ConnectionClosed",
        "sent 30",
        "sent 32",
        "sent 34",
        "sent 50",
    }


def test_fuzzed_packets_are_valid_packets() -> None:
    assert fuzz_transport.packet(b"\x14payload") == packet(b"\x14payload")
