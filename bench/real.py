"""Measure clients that ask real servers for more than the lists."""

from __future__ import annotations

import asyncio
import functools
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.checks import number_printed, occurs, sshprobe_answered
from bench.many import SSHPROBE
from bench.measure import BUILD, CLIENTS, FEW, RECORDS, BenchError, Client, Sample, run_client, say
from bench.servers import RealServers

NMAP_SCRIPTS = "+ssh2-enum-algos,+ssh-hostkey,+ssh-auth-methods,+sshv1"  # "+": whatever the port
SSH_AUDIT = "ssh-audit==3.9.0"


def ssh_audit() -> Path | None:
    """Install ssh-audit into its own virtual environment and return it; None, with a message, if that fails."""
    folder = BUILD / "ssh-audit"
    program = folder / "bin" / "ssh-audit"
    if not program.exists():
        try:
            venv.create(folder, with_pip=True, clear=True)
            pip = [str(folder / "bin" / "pip"), "--quiet", "--disable-pip-version-check", "install", SSH_AUDIT]
            subprocess.run(pip, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"ssh-audit cannot be installed, and is left out: {error}")
            return None
    return program


def full_clients(servers: RealServers, scale: float, concurrency: int) -> list[Client]:
    """Clients that ask for more than the lists, the first two of `concurrency` hosts at once.

    Those of one port ask the 15 addresses of the first sshd.
    """
    everything = [target for group in servers.targets for target in group]
    some = servers.targets[0]
    port = some[0].rpartition(":")[2]

    def names(count: int) -> list[str]:
        return [target.rpartition(":")[0] for target in some[:count]]

    def target_file(count: int) -> str:
        path = BUILD / "targets"
        path.write_text("".join(target + "\n" for target in everything[:count]))
        return str(path)

    def bare(count: int) -> list[str | Path]:
        return [sys.executable, CLIENTS / "full_epoll.py", str(concurrency), *everything[:count]]

    few = max(2, round(len(some) * scale))
    loops = min(len(everything), max(4, round(60 * scale)))
    clients = [
        Client("bare Python, epoll, cryptography, 3 connections", len(everything), bare, number_printed),
        Client(
            "sshprobe --depth full, 2 profiles, -o JSONL",
            len(everything),
            lambda count: [
                *SSHPROBE,
                *("-c", str(concurrency), "--rate", "0"),
                *("--depth", "full", "-f", target_file(count), "-o", str(RECORDS)),
            ],
            sshprobe_answered,
        ),
        Client(
            "asyncssh: 3 x get_server_host_key, get_server_auth_methods",
            loops,
            lambda count: [sys.executable, CLIENTS / "asyncssh_loop.py", *everything[:count]],
            number_printed,
        ),
        Client(
            "paramiko: 3 x start_client, auth_none",
            loops,
            lambda count: [sys.executable, CLIENTS / "paramiko_loop.py", *everything[:count]],
            number_printed,
        ),
    ]
    if shutil.which("nmap"):
        clients.append(
            Client(
                "nmap, four SSH scripts",
                few,
                lambda count: [
                    *(
                        "nmap",
                        "-n",
                        "-Pn",
                        "-sT",
                        "-T4",
                        "--script",
                        NMAP_SCRIPTS,
                        "-p",
                        port,
                        "-oX",
                        "-",
                        *names(count),
                    )
                ],
                functools.partial(occurs, 'script id="ssh-hostkey"'),
            )
        )
    program = ssh_audit()
    if program is not None:
        clients.append(
            # Exit code 3 is "there are findings", which a stock sshd has.
            Client(
                "ssh-audit --skip-rate-test",
                few,
                lambda count: [
                    *("sh", "-c", '"$0" "$@"; [ $? -le 3 ]', program, "--skip-rate-test", "-j"),
                    *("-T", target_file(count)),
                ],
                functools.partial(occurs, '"kex"'),
            )
        )
    if shutil.which("ssh-keyscan"):
        clients.append(
            Client(
                "ssh-keyscan",
                few,
                lambda count: ["ssh-keyscan", "-p", port, *names(count)],
                functools.partial(occurs, "ssh-ed25519"),
            )
        )
    return clients


async def measure_full(clients: list[Client], servers: RealServers, rounds: int) -> None:
    for number in range(rounds):
        for client in clients:
            if client.trouble:
                continue
            say(f"  round {number + 1}: {client.name}, {client.hosts} hosts")
            try:
                start = run_client(client.command(FEW))
                await asyncio.sleep(0.3)
                before, cpu = servers.connections(), servers.cpu()
                usage = run_client(client.command(client.hosts))
                client.verify(usage.stdout, client.hosts)
                await asyncio.sleep(0.3)
                made = servers.connections() - before
                client.samples.append(Sample(usage, start.cpu, made / client.hosts, servers.cpu() - cpu))
            except BenchError as error:
                client.trouble = str(error)
                say(f"  {client.name}: {error}")
