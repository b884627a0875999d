"""The JSON of masscan, naabu, httpx and `ansible-inventory --list`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sshprobe.targets.inventories.json_stream import json_objects
from sshprobe.targets.inventories.source import Source
from sshprobe.targets.specification import Spec, quote

Object = dict[str, Any]

NOT_OPEN = "ports that are not open TCP ports"
NO_ANSWER = "hosts that did not answer httpx"
OTHER_CONNECTION = "hosts that ansible does not reach by SSH"
BEHIND_JUMP = "hosts that are reached through another host (ProxyJump or ProxyCommand)"
TEMPLATE = "hosts whose address or port is a template"

_SSH_CONNECTIONS = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh", "libssh", "network_cli", "netconf"})
"""Connection plugins of Ansible 2.19 that speak SSH."""


def read(source: Source) -> Iterator[Spec]:
    """Yield the targets of any of these formats, told apart object by object."""
    for line, value in json_objects(source):
        for recognise, read_one in _FORMATS.values():
            if recognise(value):
                yield from read_one(source, line, value)
                break
        else:
            raise _unknown(source, line, value)


def read_masscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of `masscan -oJ` or `-oD`."""
    return _read_as(source, "masscan", "a result of masscan")


def read_naabu(source: Source) -> Iterator[Spec]:
    """Yield the targets of `naabu -json`."""
    return _read_as(source, "naabu", "a result of naabu")


def read_httpx(source: Source) -> Iterator[Spec]:
    """Yield the targets of `httpx -json`."""
    return _read_as(source, "httpx", "a result of httpx")


def read_ansible(source: Source) -> Iterator[Spec]:
    """Yield the targets of `ansible-inventory --list`."""
    return _read_as(source, "ansible", "an inventory of ansible")


def _read_as(source: Source, format_: str, what: str) -> Iterator[Spec]:
    recognise, read_one = _FORMATS[format_]
    for line, value in json_objects(source):
        if not recognise(value):
            raise source.error(f"is not {what}", line)
        yield from read_one(source, line, value)


def _unknown(source: Source, line: int, value: Object) -> Exception:
    if value.get("type") in ("sweep", "host", "summary") or {"sweep", "hosts"} <= value.keys():
        return source.error("holds records of a sweep: use `--from-records`", line)
    return source.error("is no inventory that we know: masscan, naabu, httpx and ansible-inventory write JSON", line)


def _is_masscan(value: Object) -> bool:
    return "ip" in value and ("ports" in value or "rec_type" in value)


def _masscan(source: Source, line: int, value: Object) -> Iterator[Spec]:
    ports = value.get("ports", [{**_mapping(value.get("data")), **value}])
    if not isinstance(ports, list) or not all(isinstance(port, dict) for port in ports):
        raise source.error('"ports" is no list of ports', line)
    for port in ports:
        if port.get("proto", "tcp") == "tcp" and port.get("status", "open") == "open":
            yield source.host(value["ip"], _required(port.get("port")), line=line)
        else:
            source.left_out[NOT_OPEN] += 1


def _is_naabu(value: Object) -> bool:
    return ("ip" in value or "host" in value) and "port" in value and "url" not in value and "rec_type" not in value


def _naabu(source: Source, line: int, value: Object) -> Iterator[Spec]:
    port = value["port"]
    if isinstance(port, dict):  # before naabu 2.2
        port = port.get("Port")
    if value.get("protocol", "tcp") != "tcp":
        source.left_out[NOT_OPEN] += 1
        return
    yield source.host(value.get("ip") or value.get("host"), _required(port), text=value.get("host"), line=line)


def _is_httpx(value: Object) -> bool:
    return "input" in value and ("url" in value or "failed" in value)


def _httpx(source: Source, line: int, value: Object) -> Iterator[Spec]:
    if value.get("failed"):
        source.left_out[NO_ANSWER] += 1
        return
    # "host" is the address that answered; since httpx 1.7 it is the name, and the address is "host_ip". The port is
    # one of a web server, where no SSH server listens.
    yield source.host(value.get("host_ip") or value.get("host"), text=value["input"], line=line)


def _is_ansible(value: Object) -> bool:
    return "_meta" in value or isinstance(value.get("all"), dict)


def _ansible(source: Source, line: int, value: Object) -> Iterator[Spec]:
    variables = _mapping(_mapping(value.get("_meta")).get("hostvars"))
    names: dict[str, None] = {}
    for group in value.values():
        hosts = _mapping(group).get("hosts")
        if isinstance(hosts, (list, dict)):  # a dict in the YAML-like form that some dynamic inventories print
            names.update((name, None) for name in hosts if isinstance(name, str))
    for name in [*names, *(name for name in variables if name not in names)]:
        yield from _ansible_host(source, line, name, _mapping(variables.get(name)))


def _ansible_host(source: Source, line: int, name: str, variables: Mapping[str, Any]) -> Iterator[Spec]:
    host = variables.get("ansible_host", variables.get("ansible_ssh_host", name))
    port = variables.get("ansible_port", variables.get("ansible_ssh_port"))
    connection = str(variables.get("ansible_connection", "ssh"))
    arguments = " ".join(
        str(variables.get(f"ansible_ssh_{which}_args", "")) for which in ("common", "extra")
    )  # -o ProxyJump, -o ProxyCommand, -J
    if connection.rpartition(".")[2] not in _SSH_CONNECTIONS:
        source.left_out[OTHER_CONNECTION] += 1
    elif "proxy" in arguments.lower() or "-J" in arguments:
        source.left_out[BEHIND_JUMP] += 1
    elif "{{" in str(host) or "{{" in str(port):
        source.left_out[TEMPLATE] += 1
    else:
        yield source.host(host, port, text=name, line=line, path=f"host {quote(name)}")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _required(port: object) -> object:
    """Keep a missing port from being read as "not named"."""
    return "" if port is None else port


_Reader = Callable[[Source, int, Object], Iterator[Spec]]

_FORMATS: Mapping[str, tuple[Callable[[Object], bool], _Reader]] = {
    "masscan": (_is_masscan, _masscan),
    "httpx": (_is_httpx, _httpx),
    "naabu": (_is_naabu, _naabu),
    "ansible": (_is_ansible, _ansible),
}
