"""The JSON of scanners that name a service or an answer: zgrab2, zmap and Shodan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.specification import Spec

Object = dict[str, Any]

NO_SSH = "results of other services than SSH"
NO_ANSWER_ZGRAB = "hosts that did not answer zgrab2"


def is_zgrab(value: Object) -> bool:
    """Return whether this is a result of zgrab2: a host, and for each module a status."""
    data = value.get("data")
    return (
        ("ip" in value or "domain" in value)
        and isinstance(data, dict)
        and bool(data)
        and all(isinstance(result, dict) and "status" in result for result in data.values())
    )


def read_zgrab(source: Source, line: int, value: Object) -> Iterator[Spec]:
    """Yield the host of a result whose module `ssh` was answered; without a port of its own, on those of the sweep."""
    found = [result for name, result in value["data"].items() if result.get("protocol", name) == "ssh"]
    if not found:
        source.left_out[NO_SSH] += 1
    for result in found:
        if result["status"] == "success":
            host = value.get("ip") or value.get("domain")
            yield source.host(host, result.get("port"), text=value.get("domain") or None, line=line)
        else:
            source.left_out[NO_ANSWER_ZGRAB] += 1


def is_zmap(value: Object) -> bool:
    """Return whether this is a result of `zmap -O json`."""
    return "saddr" in value


def read_zmap(source: Source, line: int, value: Object) -> Iterator[Spec]:
    """Yield the host of an answer that is a success."""
    if is_open(value):
        yield source.host(value["saddr"], value.get("sport"), line=line)
    else:
        source.left_out[NOT_OPEN] += 1


def is_open(row: Mapping[str, Any]) -> bool:
    """Return whether zmap found an open TCP port: closed ones are in its output when it is not filtered."""
    success, kind = row.get("success", 1), row.get("classification", "synack")
    return str(success).lower() in ("1", "true") and str(kind).lower() == "synack"


def is_shodan(value: Object) -> bool:
    """Return whether this is a banner of Shodan, or a host with its banners."""
    return "ip_str" in value and ("_shodan" in value or "transport" in value or isinstance(value.get("data"), list))


def read_shodan(source: Source, line: int, value: Object) -> Iterator[Spec]:
    """Yield the hosts and ports where Shodan saw an SSH server."""
    banners = value["data"] if isinstance(value.get("data"), list) else [value]
    for banner in banners:
        if not isinstance(banner, dict):
            raise source.error("a banner of Shodan is not an object", line)
        about = banner.get("_shodan")
        module = about.get("module") if isinstance(about, dict) else None
        is_ssh = module == "ssh" or str(banner.get("data", "")).startswith("SSH-")
        if is_ssh and banner.get("transport", "tcp") == "tcp":
            port = banner.get("port")
            yield source.host(banner.get("ip_str", value["ip_str"]), "" if port is None else port, line=line)
        else:
            source.left_out[NO_SSH] += 1
