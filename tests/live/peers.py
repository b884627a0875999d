"""Runs ssh-audit and nmap on one lab server, and gives their results our field names: an inventory."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any, Literal

from sshprobe.lab.server import LabServer
from sshprobe.model.observation import Observation
from tests.installed import need, need_program

NMAP_SCRIPTS = "+ssh2-enum-algos,+ssh-hostkey,+ssh-auth-methods"  # "+": on any port

Inventory = dict[str, Any]
"""Field to a list (order matters), a set, or a single value. Fields that a peer cannot show are missing."""

Kind = Literal["more here", "less here", "other"]


def need_ssh_audit() -> None:
    found = importlib.util.find_spec("ssh_audit")
    need(found, "ssh-audit", "none; it is in the `test` dependencies: `make test` or `pip install --group test`")


async def _run(*command: str) -> subprocess.CompletedProcess[str]:
    # in a thread: asyncssh's server lives on this event loop
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=100)


async def ssh_audit(host: str, port: int) -> dict[str, Any]:
    """Return the output of `ssh-audit -j`, without its test of connection rates, a small flood."""
    need_ssh_audit()
    options = ["-j", "--skip-rate-test", "-4", "-t", "10", "-p", str(port)]
    done = await _run(sys.executable, "-m", "ssh_audit", *options, host)
    assert done.returncode in (0, 2, 3), done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


async def ssh_audit_of_several(servers: Sequence[LabServer]) -> list[dict[str, Any]]:
    """Return the output of `ssh-audit -j -T FILE`, in the order of the targets."""
    need_ssh_audit()
    names = [f"{server.host}:{server.port}" for server in servers]
    with tempfile.NamedTemporaryFile("w") as targets:
        targets.write("\n".join(names))
        targets.flush()
        options = ["-j", "--skip-rate-test", "-t", "10", "-T", targets.name]
        done = await _run(sys.executable, "-m", "ssh_audit", *options)
    documents: list[dict[str, Any]] = json.loads(done.stdout)
    return sorted(documents, key=lambda document: names.index(document["target"]))


def inventory_of_document(document: dict[str, Any]) -> Inventory:
    """Return the facts in a document of ssh-audit's shape, theirs or ours."""
    found: Inventory = {
        "identification": document["banner"]["raw"],
        "target": document["target"],
        "compression_algorithms": document["compression"],
        "host_keys": {(each["hostkey"], each["hash_alg"], each["hash"]) for each in document["fingerprints"]},
        "cves": document["cves"],
    }
    names = {"kex": "kex_algorithms", "key": "server_host_key_algorithms"}
    names |= {"enc": "encryption_algorithms", "mac": "mac_algorithms"}
    for list_, name in names.items():
        found[name] = [entry["algorithm"] for entry in document[list_]]
    sizes = {"key": "host_key_sizes", "kex": "group_exchange"}
    for list_, name in sizes.items():
        found[name] = {(entry["algorithm"], entry["keysize"]) for entry in document[list_] if "keysize" in entry}
    found["certificates"] = {
        (entry["algorithm"], entry["ca_algorithm"], entry["casize"])
        for entry in document["key"]
        if "ca_algorithm" in entry
    }
    return found


async def nmap(server: LabServer) -> Inventory:
    need_program("nmap", "nmap")
    command = ["nmap", "-n", "-Pn", "-sT", "-oX", "-", "-p", str(server.port), "--script", NMAP_SCRIPTS]
    command += ["--script-timeout", "20s"]  # ssh-hostkey hangs with Dropbear
    done = await _run(*command, "--script-args", "ssh_hostkey=full,ssh.user=root", server.host)
    assert done.returncode == 0, done.stderr
    scripts = {script.get("id"): script for script in ElementTree.fromstring(done.stdout).iter("script")}
    found: Inventory = {}
    for table in scripts["ssh2-enum-algos"].iter("table"):
        name = table.get("key") or ""
        # It joins equal directions.
        fields = (
            [f"{name}_{direction}" for direction in ("client_to_server", "server_to_client")]
            if name in ("encryption_algorithms", "mac_algorithms", "compression_algorithms")
            else [name]
        )
        for field in fields:
            found[field] = [elem.text for elem in table.iter("elem")]
    keys = [{elem.get("key"): elem.text or "" for elem in each} for each in scripts["ssh-hostkey"].iter("table")]
    found["host_keys"] = {(key["type"], int(float(key["bits"])), key["key"]) for key in keys if "key" in key}
    methods = scripts["ssh-auth-methods"]
    found["authentication_methods"] = {elem.text for elem in methods.iter("elem")}
    return found


def inventory_like_nmap(observation: Observation) -> Inventory:
    found: Inventory = {
        name: getattr(observation, name)
        for name in Observation.__struct_fields__
        if name.endswith(("_algorithms", "_algorithms_client_to_server", "_algorithms_server_to_client"))
    }
    found["host_keys"] = {(key.type, key.bits, key.blob) for key in observation.host_keys or ()}
    found["authentication_methods"] = set(observation.authentication_methods or ())
    return found


def differences(ours: Inventory, theirs: Inventory) -> dict[str, Kind]:
    """Return field to the kind of difference, for the fields of the peer."""
    found: dict[str, Kind] = {}
    for field, value in theirs.items():
        mine = ours[field]
        if mine == value:
            continue
        if isinstance(value, set) and mine > value:
            found[field] = "more here"
        elif isinstance(value, set) and mine < value:
            found[field] = "less here"
        else:
            found[field] = "other"
    return found
