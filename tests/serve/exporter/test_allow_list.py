"""The hosts that the exporter may probe."""

from __future__ import annotations

import pytest

from sshprobe.model.errors import InputError
from sshprobe.serve.exporter.allow_list import AllowList


@pytest.mark.parametrize(
    ("entry", "address", "permitted"),
    [
        ("10.0.0.0/24", "10.0.0.0", True),
        ("10.0.0.0/24", "10.0.0.255", True),
        ("10.0.0.0/24", "10.0.1.0", False),
        ("10.0.0.7/24", "10.0.0.1", True),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "10.0.0.8", False),
        ("2001:db8::/64", "2001:db8::1", True),
        ("2001:db8::/64", "2001:db8:0:1::1", False),
        ("10.0.0.0/24", "::ffff:10.0.0.5", True),
        ("::ffff:10.0.0.0/120", "10.0.0.5", True),
        ("0.0.0.0/0", "192.0.2.1", True),
        ("0.0.0.0/0", "2001:db8::1", False),
    ],
)
def test_an_address_needs_an_entry(entry: str, address: str, permitted: bool) -> None:
    assert AllowList([entry]).permits_address(address) is permitted


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.0",
        "169.254.255.255",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "2002:a9fe:a9fe::1",
        "fe80::1%lo",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ],
)
def test_wide_networks_and_names_never_reach_metadata(address: str) -> None:
    wide = AllowList(["0.0.0.0/0", "::/0", "host.example"])
    assert not wide.permits_address(address)
    assert not wide.permits_address(address, by_name=True)


@pytest.mark.parametrize("entry", ["169.254.169.254", "169.254.0.0/16", "169.254.169.0/24"])
def test_a_separate_entry_allows_a_link_local_address(entry: str) -> None:
    assert AllowList([entry]).permits_address("169.254.169.254")
    assert not AllowList([entry]).permits_address("100.100.100.200")


def test_names_are_compared_without_case_and_final_dot() -> None:
    allowed = AllowList(["Host.Example."])
    assert allowed.permits_name("hOST.eXAMPLE")
    assert allowed.permits_name("host.example.")
    assert not allowed.permits_name("other.host.example")
    assert allowed.permits_address("192.0.2.1", by_name=True)
    assert not allowed.permits_address("192.0.2.1")


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "host/24", "", "a b", "10.0.0.1:22", "999.1.1.1"])
def test_an_entry_is_a_network_or_a_name(entry: str) -> None:
    with pytest.raises(InputError, match="--allow"):
        AllowList([entry])
