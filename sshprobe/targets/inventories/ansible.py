"""Inventories of Ansible as JSON, from `ansible-inventory --list` or scripts (dynamic inventories)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from sshprobe.targets.inventories.source import BEHIND_JUMP, Source
from sshprobe.targets.specification import quote
from sshprobe.targets.specs import MAX_LABELS, Spec, is_label

OTHER_CONNECTION = "hosts that ansible does not reach by SSH"
TEMPLATE = "hosts whose address or port is a template"
NO_TEXT = "hosts whose `ansible_host` is null, a list or empty; the first is"

NO_NUMBER = "hosts whose `ansible_port` is not a number; the first is"

FLATTEN = "`ansible-inventory -i FILE --list`, without `--export`, writes what can be read"

LABEL_VARIABLE = "sshprobe_label_"
"""The beginning of variables that are labels: `sshprobe_label_env: prod` is "env=prod"."""
NO_LABEL = "labels with spaces, commas or an empty value"
MANY_LABELS = f"labels of hosts that have more than {MAX_LABELS}"

_SSH_CONNECTIONS = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh", "libssh", "network_cli", "netconf"})
"""Connection plugins of Ansible 2.19 that speak SSH."""

_GROUP_KEYS = frozenset({"hosts", "children", "vars"})

_DECIDING = frozenset(
    {"ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port", "ansible_connection"}
    | {"ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"}
)
"""Variables that decide which address is contacted. For groups, only Ansible knows all precedence rules."""


def is_ansible(value: Mapping[str, Any]) -> bool:
    """Return whether a JSON object is an inventory: groups that are objects or, in old scripts, lists of names."""
    if "_meta" in value or isinstance(value.get("all"), dict):
        return True
    # The JSON of any program can have lists of words, for example of hosts to leave out.
    return all(map(_is_group, value.values())) and any("hosts" in mapping(group) for group in value.values())


def _is_group(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(name, str) for name in value)
    return isinstance(value, dict) and bool(value) and value.keys() <= _GROUP_KEYS


def read_inventory_object(source: Source, line: int, value: Mapping[str, Any]) -> Iterator[Spec]:
    """Yield the hosts of one inventory.

    Raises:
        InputError: if a variable of a group decides where its hosts are, or a group is written as in Ansible's YAML.
    """
    hostvars = mapping(mapping(value.get("_meta")).get("hostvars"))
    names: dict[str, None] = {}
    groups: dict[str, list[str]] = {}
    children: dict[str, list[str]] = {}
    for group, content in value.items():
        if group == "_meta":
            continue
        hosts = content if isinstance(content, list) else mapping(content).get("hosts")
        deciding = sorted(_DECIDING & mapping(mapping(content).get("vars")).keys())
        if deciding:
            raise source.error(f"group {quote(group)} sets {deciding[0]}: {FLATTEN}", line)
        if isinstance(mapping(content).get("children"), dict) or (isinstance(hosts, dict) and any(hosts.values())):
            raise source.error(f"group {quote(group)} is written as in Ansible's YAML: {FLATTEN}", line)
        if isinstance(hosts, (list, dict)):
            for name in hosts:
                if isinstance(name, str):
                    names[name] = None
                    groups.setdefault(name, []).append(group)
        inner = mapping(content).get("children")
        if isinstance(inner, list):
            for child in inner:
                children.setdefault(str(child), []).append(group)
    for name in [*names, *(name for name in hostvars if name not in names)]:
        variables = mapping(hostvars.get(name))
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
            spec = source.host(host, port, text=name, line=line, path=f"host {quote(name)}")
            labels = _labels(source, variables, _all_groups(groups.get(name, []), children))
            yield msgspec.structs.replace(spec, labels=labels)


def _all_groups(direct: Sequence[str], parents: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the groups of a host and their parent groups, each once, without "all" and "ungrouped"."""
    seen = {"all", "ungrouped"}
    left = list(direct)
    while left:
        group = left.pop(0)
        if group not in seen:
            seen.add(group)
            yield group
            left += parents.get(group, ())


def _labels(source: Source, variables: Mapping[str, Any], groups: Iterator[str]) -> tuple[str, ...]:
    """Return the labels of a host: its variables `sshprobe_label_KEY`, then its groups."""
    own = [
        f"{name.removeprefix(LABEL_VARIABLE)}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in variables.items()
        if name.startswith(LABEL_VARIABLE)
    ]
    words = list(dict.fromkeys([*own, *(f"group={group}" for group in groups)]))
    labels = [word for word in words if is_label(word)]
    if len(labels) < len(words):
        source.left_out[NO_LABEL] += len(words) - len(labels)
    if len(labels) > MAX_LABELS:
        source.left_out[MANY_LABELS] += len(labels) - MAX_LABELS
    return tuple(labels[:MAX_LABELS])


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object, and an empty one for any other value."""
    return value if isinstance(value, dict) else {}
