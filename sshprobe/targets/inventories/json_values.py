"""The JSON of scanners and of Ansible, told apart object by object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sshprobe.targets.inventories import ansible, services
from sshprobe.targets.inventories.json_stream import json_objects
from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.specification import Spec

Object = dict[str, Any]

NO_PORT = "hosts without an open port"
NO_ANSWER = "hosts that did not answer httpx"

_NAABU_KEYS_TEXT = """
host ip timestamp port protocol tls cdn cdn-name mac_address device_type extra_info high_version hostname
low_version method name os_type product proto rpc_num service_fp tunnel version confidence cpes
"""
_NAABU_KEYS = frozenset(_NAABU_KEYS_TEXT.split())
"""All that naabu 2 writes (pkg/runner/output.go). tlsx, nuclei and others name ports of other services."""

_OTHERS: Mapping[str, str] = {
    "tls_version": "is JSON of tlsx, whose ports speak TLS",
    "tls_connection": "is JSON of tlsx, whose ports speak TLS",
    "template-id": "is JSON of nuclei, whose ports are of other services",
    "status_code": "is a result of a web client",
}
"""A key that shows a program whose ports are not those of SSH servers."""


def read(source: Source) -> Iterator[Spec]:
    """Yield the targets of any of these formats, told apart object by object."""
    in_array = source.head().lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    for line, value in json_objects(source):
        for recognise, read_one in _FORMATS.values():
            if recognise(value):
                yield from read_one(source, line, value)
                break
        else:
            raise _unknown(source, line, value, in_array=in_array)


def read_masscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of `masscan -oJ` or `-oD`."""
    return _read_as(source, "masscan", "a result of masscan")


def read_naabu(source: Source) -> Iterator[Spec]:
    """Yield the targets of `naabu -json`."""
    return _read_as(source, "naabu", "a result of naabu", _can_be_naabu)


def read_httpx(source: Source) -> Iterator[Spec]:
    """Yield the targets of `httpx -json`."""
    return _read_as(source, "httpx", "a result of httpx")


def read_ansible(source: Source) -> Iterator[Spec]:
    """Yield the targets of `ansible-inventory --list`."""
    return _read_as(source, "ansible", "an inventory of ansible")


def read_zgrab(source: Source) -> Iterator[Spec]:
    """Yield the targets of `zgrab2 ssh`."""
    return _read_as(source, "zgrab2", "a result of zgrab2")


def read_shodan(source: Source) -> Iterator[Spec]:
    """Yield the targets of a download from Shodan."""
    return _read_as(source, "shodan", "a banner of Shodan")


def read_zmap(source: Source) -> Iterator[Spec]:
    """Yield the targets of `zmap -O json`."""
    return _read_as(source, "zmap", "a result of zmap")


def _read_as(source: Source, format_: str, what: str, can_be: Callable[[Object], bool] | None = None) -> Iterator[Spec]:
    recognise, read_one = _FORMATS[format_]
    can_be = can_be or recognise
    for line, value in json_objects(source):
        if not can_be(value):
            raise source.error(f"is not {what}", line)
        yield from read_one(source, line, value)


def _unknown(source: Source, line: int, value: Object, *, in_array: bool) -> Exception:
    if value.get("type") in ("sweep", "host", "summary") or {"sweep", "hosts"} <= value.keys():
        return source.error("holds records of a sweep: use `--from-records`", line)
    words = next((words for key, words in _OTHERS.items() if key in value), "is not an inventory that is known")
    key = next((key for key in ("ip", "ip_str", "address", "host", "hostname", "name") if key in value), "ip")
    path = f"'.[].{key}'" if in_array else f".{key}"
    return source.error(f"{words}: for its hosts, `jq -r {path} FILE | sshprobe scan -`", line)


def _is_masscan(value: Object) -> bool:
    return "ip" in value and ("ports" in value or "rec_type" in value)


def _masscan(source: Source, line: int, value: Object) -> Iterator[Spec]:
    ports = value.get("ports", [{**_mapping(value.get("data")), **value}])
    if not isinstance(ports, list) or not all(isinstance(port, dict) for port in ports):
        raise source.error('"ports" is not a list of ports', line)
    for port in ports:
        if port.get("proto", "tcp") == "tcp" and port.get("status", "open") == "open":
            yield source.host(value["ip"], _required(port.get("port")), line=line)
        else:
            source.left_out[NOT_OPEN] += 1


def _is_naabu(value: Object) -> bool:
    return "ip" in value and "port" in value and value.keys() <= _NAABU_KEYS


def _can_be_naabu(value: Object) -> bool:
    # A host and a port alone stand in the JSON of any program: whoever names the format knows better.
    return ("ip" in value or "host" in value) and "port" in value


def _naabu(source: Source, line: int, value: Object) -> Iterator[Spec]:
    port = value["port"]
    if isinstance(port, dict):  # before naabu 2.2
        port = port.get("Port")
    if port == 0:  # it was only looked whether the host is up
        source.left_out[NO_PORT] += 1
        return
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


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _required(port: object) -> object:
    """Keep a missing port from being read as "not named"."""
    return "" if port is None else port


_Reader = Callable[[Source, int, Object], Iterator[Spec]]

_FORMATS: Mapping[str, tuple[Callable[[Object], bool], _Reader]] = {
    "shodan": (services.is_shodan, services.read_shodan),  # has the keys of masscan too
    "masscan": (_is_masscan, _masscan),
    "httpx": (_is_httpx, _httpx),
    "naabu": (_is_naabu, _naabu),
    "zgrab2": (services.is_zgrab, services.read_zgrab),
    "zmap": (services.is_zmap, services.read_zmap),
    "ansible": (ansible.is_ansible, ansible.read_inventory_object),
}
