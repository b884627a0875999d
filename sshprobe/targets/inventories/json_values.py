"""The JSON of scanners and of Ansible. Each object shows its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sshprobe.targets.inventories import ansible
from sshprobe.targets.inventories.json_stream import json_objects
from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.specs import Spec

Object = dict[str, Any]

NO_PORT = "hosts without an open port"
NO_ANSWER = "hosts that did not answer httpx"
NO_SSH = "results of other services than SSH"
NO_ANSWER_ZGRAB = "hosts that did not answer zgrab2"

_NAABU_KEYS_TEXT = """
host ip timestamp port protocol tls cdn cdn-name mac_address device_type extra_info high_version hostname
low_version method name os_type product proto rpc_num service_fp tunnel version confidence cpes
"""
_NAABU_KEYS = frozenset(_NAABU_KEYS_TEXT.split())
"""All keys of naabu 2 (pkg/runner/output.go). tlsx, nuclei and others name ports of other services."""

_OTHERS: Mapping[str, str] = {
    "tls_version": "is JSON of tlsx, whose ports speak TLS",
    "tls_connection": "is JSON of tlsx, whose ports speak TLS",
    "template-id": "is JSON of nuclei, whose ports are of other services",
    "status_code": "is a result of a web client",
}
"""Keys of programs whose ports are not those of SSH servers."""


def read(source: Source) -> Iterator[Spec]:
    """Yield the targets of all these formats; each object shows its format."""
    in_array = source.head().lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    for line, value in json_objects(source):
        yield from read_object(source, line, value, in_array=in_array)


def read_object(source: Source, line: int, value: Object, *, in_array: bool) -> Iterator[Spec]:
    """Yield the targets of one object. Raises `InputError` if it is not from a known program."""
    for recognise, read_one in _FORMATS.values():
        if recognise(value):
            return read_one(source, line, value)
    raise _unknown(source, line, value, in_array=in_array)


def reader(
    format_: str, what: str, can_be: Callable[[Object], bool] | None = None
) -> Callable[[Source], Iterator[Spec]]:
    """Return the reader of one format. Other objects are an error. `can_be` is less strict than detection."""
    recognise, read_one = _FORMATS[format_]
    accept = can_be or recognise

    def read_all(source: Source) -> Iterator[Spec]:
        for line, value in json_objects(source):
            if not accept(value):
                raise source.error(f"is not {what}", line)
            yield from read_one(source, line, value)

    return read_all


def _unknown(source: Source, line: int, value: Object, *, in_array: bool) -> Exception:
    if value.get("type") in ("sweep", "host", "summary") or {"sweep", "hosts"} <= value.keys():
        return source.error("has records of a scan: use `--from-records`", line)
    words = next((words for key, words in _OTHERS.items() if key in value), "is not a known inventory")
    key = next((key for key in ("ip", "ip_str", "address", "host", "hostname", "name") if key in value), "ip")
    path = f"'.[].{key}'" if in_array else f".{key}"
    return source.error(f"{words}: for its hosts, `jq -r {path} FILE | sshprobe scan -`", line)


def _is_masscan(value: Object) -> bool:
    return "ip" in value and ("ports" in value or "rec_type" in value)


def _masscan(source: Source, line: int, value: Object) -> Iterator[Spec]:
    ports = value.get("ports", [{**ansible.mapping(value.get("data")), **value}])
    if not isinstance(ports, list) or not all(isinstance(port, dict) for port in ports):
        raise source.error('"ports" is not a list of ports', line)
    for port in ports:
        if port.get("proto", "tcp") == "tcp" and port.get("status", "open") == "open":
            yield source.host(value["ip"], _required(port.get("port")), line=line)
        else:
            source.left_out[NOT_OPEN] += 1


def _is_naabu(value: Object) -> bool:
    return "ip" in value and "port" in value and value.keys() <= _NAABU_KEYS


def can_be_naabu(value: Object) -> bool:
    """Return whether a user can call this naabu's. The JSON of many programs has a host and a port."""
    return ("ip" in value or "host" in value) and "port" in value


def _naabu(source: Source, line: int, value: Object) -> Iterator[Spec]:
    port = value["port"]
    if isinstance(port, dict):  # before naabu 2.2
        port = port.get("Port")
    if port == 0:  # naabu only checked whether the host is up
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
    # "host" is the address that answered; since httpx 1.7 it is the name, and "host_ip" the address. The port is left
    # out: a web server listens there.
    yield source.host(value.get("host_ip") or value.get("host"), text=value["input"], line=line)


def _is_zgrab(value: Object) -> bool:
    """Return whether this is a result of zgrab2: a host, and for each module a status."""
    data = value.get("data")
    return (
        ("ip" in value or "domain" in value)
        and isinstance(data, dict)
        and bool(data)
        and all(isinstance(result, dict) and "status" in result for result in data.values())
    )


def _zgrab(source: Source, line: int, value: Object) -> Iterator[Spec]:
    """Yield the host if its SSH server answered; a result without a port is for the ports of the scan."""
    found = [result for name, result in value["data"].items() if result.get("protocol", name) == "ssh"]
    if not found:
        source.left_out[NO_SSH] += 1
    for result in found:
        if result["status"] == "success":
            host = value.get("ip") or value.get("domain")
            yield source.host(host, result.get("port"), text=value.get("domain") or None, line=line)
        else:
            source.left_out[NO_ANSWER_ZGRAB] += 1


def _is_zmap(value: Object) -> bool:
    """Return whether this is a result of `zmap -O json`."""
    return "saddr" in value


def _zmap(source: Source, line: int, value: Object) -> Iterator[Spec]:
    """Yield the host if zmap found its port open."""
    if is_open(value):
        yield source.host(value["saddr"], value.get("sport"), line=line)
    else:
        source.left_out[NOT_OPEN] += 1


def is_open(row: Mapping[str, Any]) -> bool:
    """Return whether zmap found an open TCP port: unfiltered output has closed ones too."""
    success, kind = row.get("success", 1), row.get("classification", "synack")
    return str(success).lower() in ("1", "true") and str(kind).lower() == "synack"


def _is_shodan(value: Object) -> bool:
    """Return whether this is a banner of Shodan, or a host with its banners."""
    return "ip_str" in value and ("_shodan" in value or "transport" in value or isinstance(value.get("data"), list))


def _shodan(source: Source, line: int, value: Object) -> Iterator[Spec]:
    """Yield the hosts and ports where Shodan saw an SSH server."""
    banners = value["data"] if isinstance(value.get("data"), list) else [value]
    for banner in banners:
        if not isinstance(banner, dict):
            raise source.error("a banner of Shodan is not an object", line)
        module = ansible.mapping(banner.get("_shodan")).get("module")
        is_ssh = module == "ssh" or str(banner.get("data", "")).startswith("SSH-")
        if is_ssh and banner.get("transport", "tcp") == "tcp":
            yield source.host(banner.get("ip_str", value["ip_str"]), _required(banner.get("port")), line=line)
        else:
            source.left_out[NO_SSH] += 1


def _required(port: object) -> object:
    """Return an invalid value for a missing port, since None would mean the ports of the scan."""
    return "" if port is None else port


_FORMATS: Mapping[str, tuple[Callable[[Object], bool], Callable[[Source, int, Object], Iterator[Spec]]]] = {
    "shodan": (_is_shodan, _shodan),  # has the keys of masscan too
    "masscan": (_is_masscan, _masscan),
    "httpx": (_is_httpx, _httpx),
    "naabu": (_is_naabu, _naabu),
    "zgrab2": (_is_zgrab, _zgrab),
    "zmap": (_is_zmap, _zmap),
    "ansible": (ansible.is_ansible, ansible.read_inventory_object),
}
