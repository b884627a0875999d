"""Targets from lines that arrive one by one."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sshprobe.model.errors import InputError
from sshprobe.targets import LiveTargets, Target
from sshprobe.targets import live as live_module

Pipe = tuple[io.BufferedReader, Callable[[bytes], int]]


def all_of(data: bytes, notes: list[str] | None = None, **options: Any) -> tuple[list[str], LiveTargets]:
    said = [] if notes is None else notes
    live = LiveTargets(io.BytesIO(data), (22,), note=said.append, **options)

    async def places() -> list[str]:
        return [f"{target.text} {target.host} {target.port}" async for target in live]

    return asyncio.run(places()), live


NAABU = b'{"host":"web1.example","ip":"192.0.2.2","timestamp":"x","port":2222,"protocol":"tcp","tls":false}'
MASSCAN = b'{"ip":"192.0.2.5","ports":[{"port":22,"proto":"tcp","status":"open"}]}'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"192.0.2.1", ["192.0.2.1 192.0.2.1 22"]),
        (b"192.0.2.1:2222 # of naabu", ["192.0.2.1:2222 192.0.2.1 2222"]),
        (b"192.0.2.0/30", ["192.0.2.0/30 192.0.2.1 22", "192.0.2.0/30 192.0.2.2 22"]),
        (b"[2001:db8::1]:23\r", ["[2001:db8::1]:23 2001:db8::1 23"]),
        (b"Discovered open port 22/tcp on 192.0.2.7                     ", ["192.0.2.7:22 192.0.2.7 22"]),
        (b"open tcp 2222 192.0.2.8 1700000000", ["192.0.2.8:2222 192.0.2.8 2222"]),
        (b"192.0.2.9 -> [22,2222]", ["192.0.2.9:22 192.0.2.9 22", "192.0.2.9:2222 192.0.2.9 2222"]),
        (NAABU, ["web1.example 192.0.2.2 2222"]),
        (b'{"input":"web2.example","url":"https://web2.example","host":"192.0.2.3"}', ["web2.example 192.0.2.3 22"]),
        (b'{"saddr":"192.0.2.4","sport":2222}', ["192.0.2.4:2222 192.0.2.4 2222"]),
        (b"[" + MASSCAN + b",", ["192.0.2.5:22 192.0.2.5 22"]),
        (b"," + MASSCAN, ["192.0.2.5:22 192.0.2.5 22"]),
        (b"[\n]\n\n# nothing", []),
    ],
)
def test_lines_of_programs(line: bytes, expected: list[str]) -> None:
    found, live = all_of(line)
    assert (found, live.bad_lines) == (expected, 0)


def test_a_bad_line_is_noted_and_skipped() -> None:
    notes: list[str] = []
    bad = b"a b\n{\n\xff\nnull\n10.0.0.0/8\n0.0.0.0\n" + b"x" * 2**21 + b"\n"
    found, live = all_of(b"192.0.2.1\n" + bad + b"192.0.2.2", notes, most_of_a_line=65_536)
    assert found == ["192.0.2.1 192.0.2.1 22", "192.0.2.2 192.0.2.2 22"]
    assert live.bad_lines == len(notes) == 7
    assert [note.split(":")[1] for note in notes] == ["2", "3", "4", "5", "6", "7", "8"]
    assert "add `--yes`" in notes[4]
    _, live = all_of(b"a b\n" * 1000, notes := [])
    assert (len(notes), live.summary()) == (10, ["standard input: 1,000 lines were not a target and are not scanned"])


def test_names_are_refused_where_several_workers_scan() -> None:
    notes: list[str] = []
    found, _ = all_of(b"web1\n192.0.2.1\n2001:db8::1\n", notes, takes_names=False)
    assert found == ["192.0.2.1 192.0.2.1 22", "2001:db8::1 2001:db8::1 22"]
    assert notes == ['standard input:1: "web1" is a name: several workers take addresses only; omit `--workers`']


def test_duplicates_are_dropped_among_the_last_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    data = "\n".join(f"192.0.2.{last}" for last in (1, 1, 2, 1, 3, 4, 4, 1)).encode()
    assert [each.split()[0][-1] for each in all_of(data)[0]] == ["1", "2", "3", "4"]
    monkeypatch.setattr(live_module, "REMEMBERED", 2)
    notes: list[str] = []
    assert [each.split()[0][-1] for each in all_of(data, notes)[0]] == ["1", "2", "3", "4", "1"]
    words = "more than 2 targets: a duplicate after as many others is scanned again"
    assert notes == [f"standard input: {words}"]


@pytest.mark.parametrize(("data", "words"), [(b"", "has no target"), (b"\x1f\x8b\x08", "is compressed")])
def test_a_stream_without_a_target_is_an_error(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=f"standard input: {words}"):
        LiveTargets(io.BytesIO(data), (22,)).wait()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream:
        yield stream, lambda data: os.write(write, data)
        os.close(write)


def test_each_target_is_ready_when_its_line_arrives(pipe: Pipe) -> None:
    stream, write = pipe
    live = LiveTargets(stream, (22,), first=iter([Target("192.0.2.9", "192.0.2.9", 22)]))

    async def scan() -> list[str]:
        found = [(await anext(live)).host]
        for line in (b"192.0.2.9\n192.0.2.1\n", b"192.0.2.2\n192.", b"0.2.3\n"):
            write(line)
            found.append((await anext(live)).host)
        waiting = asyncio.ensure_future(anext(live))
        await asyncio.sleep(0)
        live.stop()  # Ctrl-C while it waits for a line
        with pytest.raises(StopAsyncIteration):
            await waiting
        return found

    assert asyncio.run(scan()) == ["192.0.2.9", "192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_an_endless_stream_is_not_read_ahead() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1, /) -> bytes:
            self.given += size
            return b"192.0.2.1\n" * (size // 10)

    endless = Endless()
    LiveTargets(endless, (22,)).wait()  # type: ignore[arg-type] # a stream with only `read`
    assert endless.given < 2**20
