"""The exporter as a process on loopback, before real SSH servers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from sshprobe.cli import main
from sshprobe.lab.openssh import OpenSSHServer
from tests.installed import need_program

CONFIG = """\
[module.lists]
depth = "lists"
profile = "mozilla-modern"

[module.other-port]
port = 1
"""


class Answer:
    """An answer of the exporter."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    def value(self, name: str) -> float:
        """Return the value of the only series whose line begins with `name`."""
        (line,) = [line for line in self.text.splitlines() if line.startswith(name)]
        return float(line.rpartition(" ")[2])


class Exporter:
    """A running `sshprobe serve`."""

    def __init__(self, url: str) -> None:
        self.place = urlsplit(url).netloc

    def get(self, path: str, **headers: str) -> Answer:
        """Return the answer to a GET."""
        with contextlib.closing(http.client.HTTPConnection(self.place, timeout=60)) as connection:
            connection.request("GET", path, headers=headers)
            return Answer(connection.getresponse())


@contextlib.contextmanager
def exporting(folder: Path, *options: str) -> Iterator[tuple[Exporter, subprocess.Popen[str]]]:
    """Run `sshprobe serve` on a free port."""
    folder.joinpath("sshprobe").mkdir(exist_ok=True)
    folder.joinpath("sshprobe/config.toml").write_text(CONFIG)
    process = subprocess.Popen(
        [sys.executable, "-m", "sshprobe", "serve", "--listen", "127.0.0.1:0", *options],
        env={**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = next(each for each in process.stderr if "Listening on " in each)
        yield Exporter(line.split()[-1]), process
    finally:
        process.terminate()
        process.wait(20)
        assert process.stderr is not None
        process.stderr.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[OpenSSHServer]:
    """Yield an sshd."""
    async with OpenSSHServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exporter(server: OpenSSHServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exporter]:
    """Yield an exporter that may probe the sshd and an address where nothing listens."""
    folder = tmp_path_factory.mktemp("serve")
    records = folder / "records.jsonl"
    history = f"{folder}/fleet.db"
    scan = ["scan", f"127.0.0.1:{server.port}", "--history", history, "-o", str(records), "-q", "--depth", "lists"]
    await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "sshprobe", *scan], check=True)
    options = ("--allow", "127.0.0.0/30", "--allow", "localhost", "--history", history)
    with exporting(folder, *options) as (exporter, _):
        yield exporter


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def get(exporter: Exporter, path: str, **headers: str) -> Answer:
    """Return the answer to a GET, while the servers of the test run on."""
    return await asyncio.to_thread(exporter.get, path, **headers)


async def test_a_probe_answers_with_the_series_of_the_host(exporter: Exporter, server: OpenSSHServer) -> None:
    path = f"/probe?target=127.0.0.1:{server.port}"
    answer = await get(exporter, path)
    assert answer.status == 200
    assert answer.value("probe_success") == 1
    assert answer.value("sshprobe_score{") > 0
    assert answer.value("sshprobe_answered{") == 1
    assert answer.value("sshprobe_result_age_seconds") == 0
    assert 'product="OpenSSH"' in answer.text
    again = await get(exporter, path)
    assert again.value("sshprobe_result_age_seconds") > 0  # kept: the host was not probed again
    words = [need_program("promtool", "prometheus"), "check", "metrics"]
    await asyncio.to_thread(subprocess.run, words, input=answer.text, text=True, check=True)


async def test_requests_at_the_same_time_share_one_probe(exporter: Exporter, server: OpenSSHServer) -> None:
    path = f"/probe?target=localhost:{server.port}&module=lists"
    answers = await asyncio.gather(*(get(exporter, path) for _ in range(5)))
    assert [answer.value("probe_success") for answer in answers] == [1] * 5
    began = {answer.value("sshprobe_scanned_timestamp_seconds") for answer in answers}
    assert len(began) == 1
    assert 'profile="mozilla-modern"' in answers[0].text


async def test_the_port_of_a_module_applies_to_targets_without_one(exporter: Exporter) -> None:
    answer = await get(exporter, "/probe?target=127.0.0.2&module=other-port")
    assert answer.status == 200
    assert answer.value("probe_success") == 0
    assert answer.value("sshprobe_answered{") == 0
    assert 'host="127.0.0.2:1"' in answer.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/probe", 400, "name one host"),
        ("/probe?target=", 400, "name one host"),
        ("/probe?target=127.0.0.1&target=127.0.0.2", 400, "name one host"),
        ("/probe?target=127.0.0.1&module=nosuch", 400, "default, lists, other-port"),
        ("/probe?target=127.0.0.0/30", 400, "several hosts"),
        ("/probe?target=127.0.0.1:99999", 400, "ports are 1 to 65535"),
        ("/probe?target=127.0.0.4", 403, "is not allowed"),
        ("/probe?target=10.0.0.1", 403, "is not allowed"),
        ("/probe?target=169.254.169.254", 403, "is not allowed"),
        ("/probe?target=[::1]", 403, "is not allowed"),
        ("/probe?target=nosuch.invalid", 403, "is not allowed"),
        ("/probe?target=a%0d%0ab", 400, ""),
        ("/../etc/passwd", 404, ""),
        ("/nosuch", 404, ""),
    ],
)
async def test_a_refusal_is_one_line(exporter: Exporter, path: str, status: int, words: str) -> None:
    answer = await get(exporter, path)
    assert (answer.status, answer.text.count("\n")) == (status, 1)
    assert words in answer.text


async def test_a_short_scrape_timeout_leaves_the_result_for_the_next_request(
    exporter: Exporter, server: OpenSSHServer
) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.5)
        writer.write(b"hello\r\n")
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.3") as silent:
        path = f"/probe?target=127.0.0.3:{silent.sockets[0].getsockname()[1]}&module=lists"
        early = await get(exporter, path, **{"X-Prometheus-Scrape-Timeout-Seconds": "1"})
        assert early.value("probe_success") == 0
        assert "sshprobe_answered" not in early.text
        late = await get(exporter, path)
        assert late.value("probe_success") == 0
        assert late.value("sshprobe_answered{") == 0


async def test_metrics_has_the_process_and_the_history(exporter: Exporter, server: OpenSSHServer) -> None:
    answer = await get(exporter, "/metrics")
    assert answer.status == 200
    assert answer.value("process_open_fds") > 0
    assert answer.value("sshprobe_history_up") == 1
    assert f'host="127.0.0.1:{server.port}"' in answer.text


async def test_only_our_names_are_answered(exporter: Exporter) -> None:
    for name in ("attacker.example", "attacker.example:9622", "127.0.0.1.attacker.example", "[::1]:9622", ""):
        answer = await get(exporter, "/metrics", Host=name)
        assert answer.status == 421
    for name in ("localhost", "localhost:9622", "127.0.0.1:1"):
        assert (await get(exporter, "/healthz", Host=name)).text == "ok\n"


async def test_answers_have_strict_headers(exporter: Exporter) -> None:
    for path in ("/", "/nosuch"):
        headers = (await get(exporter, path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert headers["Server"] is None


async def test_too_many_probes_get_503(tmp_path: Path) -> None:
    waiting = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1") as silent:
        port = silent.sockets[0].getsockname()[1]
        with exporting(tmp_path, "--allow", "127.0.0.0/24", "--max-probes", "1") as (exporter, process):
            first = asyncio.create_task(
                get(exporter, f"/probe?target=127.0.0.1:{port}", **{"X-Prometheus-Scrape-Timeout-Seconds": "3"})
            )
            async with asyncio.timeout(20):
                await waiting.wait()
            second = await get(exporter, f"/probe?target=127.0.0.2:{port}")
            assert (second.status, second.headers["Retry-After"]) == (503, "5")
            assert (await first).value("probe_success") == 0
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 20) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--listen", "0.0.0.0:0"], "not a loopback address"),
        (["--listen", "192.0.2.1:80"], "not a loopback address"),
        (["--listen", "127.0.0.1"], "not an address with a port"),
        (["--listen", "127.0.0.1:70000"], "not an address with a port"),
        (["--allow", "10.0.0.0/99"], "not a network"),
        (["--listen", "127.0.0.1:0", "--client-id", "two words"], "client id: write"),
    ],
)
async def test_a_wrong_option_ends_it(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["serve", *options]) == 2
    assert words in capsys.readouterr().err
