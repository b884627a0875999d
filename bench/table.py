"""Samples as rows of one table."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from bench.measure import Client, median, per_further_host, per_host


def seconds(value: float) -> str:
    return (
        f"{value * 1e6:.0f} us"
        if value < 0.001
        else f"{value * 1e3:.2f} ms"
        if value < 0.01
        else f"{value * 1e3:.0f} ms"
    )


def rows(clients: list[Client], reference: Client | None) -> list[list[str]]:
    table = []
    for client in clients:
        samples = client.samples
        if not samples:
            table.append([client.name, str(client.hosts), "failed", "", "", "", "", "", client.trouble[:60]])
            continue
        each = [per_host(client, s) for s in samples]
        ratio = ""
        if reference is not None and reference.samples:
            # Ratios within a round: both ran under the same load of the machine.
            pairs = zip(reference.samples, samples, strict=False)
            ratio = f"{median([per_host(client, s) / per_host(reference, r) for r, s in pairs]):.2f}"
        table.append(
            [
                client.name,
                str(client.hosts),
                seconds(median(each)),
                ratio,
                f"{median([s.connections for s in samples]):.2f}",
                seconds(median([per_further_host(client, s) for s in samples])),
                f"{median([s.usage.user for s in samples]):.2f}+{median([s.usage.system for s in samples]):.2f}",
                f"{median([s.usage.wall for s in samples]):.1f}",
                " ".join(seconds(value).replace(" ", "") for value in each),
            ]
        )
    return table


HEADERS = (
    *("client", "hosts", "CPU/host", "x floor", "conn/host", "without start", "user+sys s", "wall s"),
    "each round, CPU/host",
)


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return (
        f"{os.cpu_count()} cores ({model[1] if model else 'unknown'}), {system[1] if system else ''}, "
        f"Linux {platform.release()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
