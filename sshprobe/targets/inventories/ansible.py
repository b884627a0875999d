"""Inventories of Ansible as JSON: of `ansible-inventory --list`, and of scripts (dynamic inventories)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sshprobe.targets.inventories.source import BEHIND_JUMP, Source
from sshprobe.targets.specification import quote
from sshprobe.targets.specs import Spec

OTHER_CONNECTION = "hosts that ansible does not reach by SSH"
TEMPLATE = "hosts whose address or port is a template"
NO_TEXT = "hosts whose `ansible_host` is null, a list or empty; the first is"

NO_NUMBER = "hosts whose `ansible_port` is not a number; the first is"

FLATTEN = "`ansible-inventory -i FILE --list`, without `--export`, writes what can be read"

_SSH_CONNECTIONS = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh", "libssh", "network_cli", "netconf"})
"""Connection plugins of Ansible 2.19 that speak SSH."""

_GROUP_KEYS = frozenset({"hosts", "children", "vars"})

_DECIDING = frozenset(
    {"ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port", "ansible_connection"}
    | {"ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"}
)
"""Variables that decide which address is contacted. For groups, only Ansible knows all rules of precedence."""


def is_ansible(value: Mapping[str, Any]) -> bool:
    """Return whether a JSON object is an inventory: groups that are objects or, in old scripts, lists of names."""
    if "_meta" in value or isinstance(value.get("all"), dict):
        return True
    # The JSON of any program can have lists of words, for example of hosts to leave out.
    return all(map(_is_group, value.values())) and any("hosts" in _mapping(group) for group in value.values())


def _is_group(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(name, str) for name in value)
    return isinstance(value, dict) and bool(value) and value.keys() <= _GROUP_KEYS


def read_inventory_object(source: Source, line: int, value: Mapping[str, Any]) -> Iterator[Spec]:
    """Yield the hosts of one inventory.

    Raises:
        InputError: a variable of a group decides where its hosts are, or hosts stand in it as in YAML.
    """
    hostvars = _mapping(_mapping(value.get("_meta")).get("hostvars"))
    names: dict[str, None] = {}
    for group, content in value.items():
        if group == "_meta":
            continue
        hosts = content if isinstance(content, list) else _mapping(content).get("hosts")
        deciding = sorted(_DECIDING & _mapping(_mapping(content).get("vars")).keys())
        if deciding:
            raise source.error(f"group {quote(group)} sets {deciding[0]}: {FLATTEN}", line)
        if isinstance(_mapping(content).get("children"), dict) or (isinstance(hosts, dict) and any(hosts.values())):
            raise source.error(f"group {quote(group)} is written as in Ansible's YAML: {FLATTEN}", line)
        if isinstance(hosts, (list, dict)):
            names.update((name, None) for name in hosts if isinstance(name, str))
    for name in [*names, *(name for name in hostvars if name not in names)]:
        variables = _mapping(hostvars.get(name))
        host = variables.get("ansible_host", variables.get("ansible_ssh_host", name))
        port = variables.get("ansible_port", variables.get("ansible_ssh_port"))
        connection = str(variables.get("ansible_connection") or "ssh")
        arguments = " ".join(
            str(variables.get(f"ansible_ssh{which}_args") or "") for which in ("", "_common", "_extra")
        )  # -o ProxyJump, -o ProxyCommand, -J
        if connection.rpartition(".")[2] not in _SSH_CONNECTIONS:
            source.left_out[OTHER_CONNECTION] += 1
        elif "proxy" in arguments.lower() or "-J" in arguments:
            source.left_out[BEHIND_JUMP] += 1
        elif "{{" in str(host) or "{{" in str(port):
            source.left_out[TEMPLATE] += 1
        elif not isinstance(host, str) or not host.strip():
            source.leave_out(NO_TEXT, quote(name))
        elif port is not None and (isinstance(port, (bool, list, dict)) or port == ""):
            source.leave_out(NO_NUMBER, quote(name))
        else:
            # Ansible passes it to ssh, which reads a user name before "@".
            host = host.strip().rpartition("@")[2]
            yield source.host(host, port, text=name, line=line, path=f"host {quote(name)}")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
