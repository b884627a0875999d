import io
import itertools
import socket
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_unprintable
from sshprobe.targets import Exclusions, Target, parse_targets
from sshprobe.targets.exclusions import holds, merge, outside
from sshprobe.targets.host_names import ipv4_value
from sshprobe.targets.specification import parse_specification
from sshprobe.targets.specs import HostSpec


def expand(*words: str, port: int = 22) -> list[tuple[str, int]]:
    return [(target.host, target.port) for target in parse_targets(words, port=port)]


@pytest.mark.parametrize(
    ("word", "host", "port"),
    [
        ("web1.example.org", "web1.example.org", 22),
        ("WEB1.Example.org.", "web1.example.org", 22),
        ("web1:2222", "web1", 2222),
        ("my_host", "my_host", 22),
        ("192.0.2.1", "192.0.2.1", 22),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("[2001:db8::1]:2200", "2001:db8::1", 2200),
        ("[2001:db8::1]", "2001:db8::1", 22),
        ("2001:DB8:0::1", "2001:db8::1", 22),
        ("fe80::1%eth0", "fe80::1%eth0", 22),
        ("bücher.example", "xn--bcher-kva.example", 22),
        ("1st.example", "1st.example", 22),
        ("10.0.0.1-5.example.org", "10.0.0.1-5.example.org", 22),
    ],
)
def test_one_host(word: str, host: str, port: int) -> None:
    assert list(parse_targets([word], port=22)) == [Target(word, host, port)]


@pytest.mark.parametrize(
    ("word", "hosts"),
    [
        ("192.0.2.0/30", ["192.0.2.1", "192.0.2.2"]),
        ("192.0.2.7/30", ["192.0.2.5", "192.0.2.6"]),
        ("192.0.2.0/31", ["192.0.2.0", "192.0.2.1"]),
        ("192.0.2.9/32", ["192.0.2.9"]),
        ("2001:db8::/126", ["2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::3"]),
        ("192.0.2.254-255", ["192.0.2.254", "192.0.2.255"]),
        ("192.0.2.255-192.0.3.1", ["192.0.2.255", "192.0.3.0", "192.0.3.1"]),
        ("192.0.2.4-4", ["192.0.2.4"]),
    ],
)
def test_networks_and_ranges(word: str, hosts: list[str]) -> None:
    assert expand(word) == [(host, 22) for host in hosts]
    assert all(target.text == word for target in parse_targets([word]))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("::ffff:192.0.2.1", [("192.0.2.1", 22)]),
        ("::FFFF:c000:201", [("192.0.2.1", 22)]),
        ("[::ffff:192.0.2.1]:2222", [("192.0.2.1", 2222)]),
        ("::ffff:192.0.2.1%eth0", [("192.0.2.1", 22)]),
        ("::ffff:192.0.2.0/127", [("192.0.2.0", 22), ("192.0.2.1", 22)]),
    ],
)
def test_a_mapped_address_is_the_ipv4_address_that_it_reaches(word: str, expected: list[tuple[str, int]]) -> None:
    stream = list(parse_targets([word]))
    assert [(target.host, target.port) for target in stream] == expected
    assert {target.text for target in stream} == {word}
    assert expand("192.0.2.0-1", word) == expand("192.0.2.0-1", *(["192.0.2.1:2222"] if "2222" in word else []))


def test_an_interface_has_one_name() -> None:
    number, name = socket.if_nameindex()[0]
    [one] = expand(f"fe80::1%{name}")
    for zone in (name, number, f"0{number}"):
        assert expand(f"fe80::1%{zone}", f"FE80:0::1%{number}") == [one]
        assert expand(f"2001:db8::1%{zone}", "2001:db8::1") == [("2001:db8::1", 22)]  # where a zone has no meaning
        assert Exclusions.parse(["fe80::/10"]).covers(f"fe80::1%{zone}")
        assert Exclusions.parse([f"fe80::1%{zone}"]).covers(f"fe80::1%{name}")
    assert len(expand(f"fe80::1%{name}", "fe80::1", "fe80::1%none-such", "fe80::1%4294967295")) == 4
    assert parse_targets([f"fe80::1%{number}", "fe81::2%none-such"]).count(Exclusions.parse(["fe80::/10"])) == 0


def test_an_ipv6_network_around_the_mapped_addresses_is_cut_there() -> None:
    wide = parse_targets(["::/0"])
    assert wide.total == 2**128 - 2  # all but 0.0.0.0 and ::
    hosts = [wide.at(index).host for index in (0, 2**32 - 2, 2**32 - 1, 2**128 - 3)]
    assert hosts == ["0.0.0.1", "255.255.255.255", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
    assert parse_targets(["::/0", "192.0.2.0/24"]).total == 2**128 - 2
    assert parse_targets(["::ffff:0:0/95"]).total == 2**33 - 1
    around = [wide.at(2**32 + 0xFFFF * 2**32 - 2 + offset).host for offset in (-1, 0)]
    assert around == ["::fffe:ffff:ffff", "::1:0:0:0"]


def test_a_network_takes_a_port() -> None:
    assert expand("192.0.2.0/31:2222", "[2001:db8::/127]:23", "192.0.2.8-8:24") == [
        ("2001:db8::", 23),
        ("2001:db8::1", 23),
        ("192.0.2.8", 24),
        ("192.0.2.0", 2222),
        ("192.0.2.1", 2222),
    ]


@pytest.mark.parametrize(
    "word",
    ["0.0.0.0", "0.0.0.0:2222", "0.0.0.0/32", "0.0.0.0-0", "::", "[0::0]:22", "::%lo", "::/128", "::ffff:0.0.0.0"],
)
def test_the_unspecified_address_is_not_a_host(word: str, tmp_path: Path) -> None:
    file = tmp_path / "targets.txt"
    file.write_text(f"web1\n{word}\n")
    with pytest.raises(InputError) as caught:
        parse_targets([], files=[str(file)])
    here = "127.0.0.1" if ":" not in word.removesuffix(":2222") else "::1"
    words = f'{file}:2: "{word}" is not a host: it is the unspecified address; this machine is {here}'
    assert str(caught.value) == words
    assert not Exclusions.parse([word.removesuffix(":2222").removesuffix(":22")]).covers("127.0.0.1")


@pytest.mark.parametrize(
    ("word", "hosts"),
    [
        ("0.0.0.0/31", ["0.0.0.1"]),
        ("0.0.0.0/30", ["0.0.0.1", "0.0.0.2"]),
        ("0.0.0.0-2", ["0.0.0.1", "0.0.0.2"]),
        ("0.0.0.0-1", ["0.0.0.1"]),
        ("0-1.0.0.0-1", ["0.0.0.1", "1.0.0.0", "1.0.0.1"]),
        ("::/127", ["::1"]),
        ("::ffff:0.0.0.0/127", ["0.0.0.1"]),
    ],
)
def test_the_unspecified_address_is_left_out_of_networks_and_ranges(word: str, hosts: list[str]) -> None:
    assert expand(word) == [(host, 22) for host in hosts]
    assert parse_targets([word]).count(Exclusions.parse(["192.0.2.1"])) == len(hosts)


@given(st.integers(20, 32), st.integers(1, 2**32 - 1))
def test_networks_agree_with_the_standard_library(prefix: int, address: int) -> None:
    network = ip_network((address, prefix), strict=False)
    hosts = [str(host) for host in network.hosts() if int(host)]
    if hosts:
        assert [host for host, _ in expand(str(network))] == hosts


def test_a_huge_network_is_never_expanded_ahead() -> None:
    stream = parse_targets(["10.0.0.0/8", "2001:db8::/32"])
    assert [target.host for target in itertools.islice(stream, 2)] == ["10.0.0.1", "10.0.0.2"]
    assert stream.total == 2**24 - 2 + 2**96


def test_a_host_named_twice_comes_once() -> None:
    assert expand(
        "192.0.2.5", "192.0.2.4/30", "192.0.2.6", "192.0.2.0/29", "192.0.2.5:23", "Web", "web.", "WEB:22"
    ) == [
        *((f"192.0.2.{last}", 22) for last in (1, 2, 3, 4, 5, 6)),
        ("192.0.2.5", 23),
        ("web", 22),
    ]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=12), st.integers(0, 60), st.integers(0, 60))
def test_intervals_are_a_set(pairs: list[tuple[int, int]], first: int, length: int) -> None:
    intervals = merge((first, first + length) for first, length in pairs)
    values = {value for low, size in pairs for value in range(low, low + size + 1)}
    assert {value for value in range(60) if holds(intervals, value)} == values
    left = [value for low, high in outside(intervals, first, first + length) for value in range(low, high + 1)]
    assert left == sorted(set(range(first, first + length + 1)) - values)


MALFORMED = {
    "": "is empty",
    "10.0.0.0/99": "is not a network: the prefix of an IPv4 network is 0 to 32",
    "10.0.0.0/": "is not a network: the prefix",
    "10.0.0.0/-1": "is not a network: the prefix",
    "10.0.0.0/255.255.255.0": "is not a network: the prefix",
    "2001:db8::/129": "is not a network: the prefix of an IPv6 network is 0 to 128",
    "web/24": 'is not a network: "web" is not an address',
    "300.1.1.1": "is not an IPv4 address",
    "10.0.0": "is not an IPv4 address",
    "10.0.0.1.5": "is not an IPv4 address",
    "010.0.0.1": "is not an IPv4 address",
    "10.0.0.9-3": "ends before it begins",
    "10.0.0.9-300": "is not an IPv4 address",
    "10.0.0.9-1.2": "is not an IPv4 address",
    "host:0": "ports are 1 to 65535",
    "host:65536": "ports are 1 to 65535",
    "host:" + "9" * 5000: "ports are 1 to 65535",
    "host:ssh": '"ssh" is not a number',
    "host:": 'no port after its ":"',
    "host:٣": "is not a number",
    ":22": "names no host",
    "[2001:db8::1": '"]" is missing',
    "[2001:db8::1]22": 'only ":port"',
    "[host]:22": "brackets are for an IPv6 address",
    "2001:db8::1::2": "is not an IPv6 address",
    "1:2:3": "is not an IPv6 address",
    "fe80::1%\x1b[31m": "characters that cannot be printed",
    "[fe80::1%e\x07]:22": "characters that cannot be printed",
    "2001:db8::1%\u202e": "characters that cannot be printed",
    "::1%\udcff": "characters that cannot be printed",
    "root@host": "leave out the user name",
    "ssh://host": "leave out the scheme",
    "two hosts": "white space",
    '{"type":"sweep"}': "`--from-records` reads records",
    '<?xml version="1.0"?>': "`--inventory` reads JSON and XML",
    "a..b": "is empty",
    ".": "is not an IPv4 address",
    "-host": "inner hyphens",
    "host-": "inner hyphens",
    "ho$t": "letters, digits",
    "a" * 64: "longer than 63",
    ".".join(["a" * 60] * 5): "longer than 253",
    "example.123": "its last part is a number",
    "bü..example": "is not a host name",
    "\u202ehost": "is not a host name",
}


@pytest.mark.parametrize("word", MALFORMED)
def test_malformed(word: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_targets(["ok.example", word])
    assert MALFORMED[word] in str(caught.value)
    assert str(caught.value).startswith('"')
    assert "\n" not in str(caught.value)


READINGS = {
    "127.1": "other tools read it as 127.0.0.1: write that if you mean it",
    "127.1:2222": "other tools read it as 127.0.0.1: write that if you mean it",
    "2130706433": "other tools read it as 127.0.0.1: write that if you mean it",
    "0x7f000001": "other tools read it as 127.0.0.1: write that if you mean it",
    "0X7F000001.": "other tools read it as 127.0.0.1: write that if you mean it",
    "0x7f.1": "other tools read it as 127.0.0.1: write that if you mean it",
    "10.0x1": "other tools read it as 10.0.0.1: write that if you mean it",
    "\uff10x7f000001": "other tools read it as 127.0.0.1: write that if you mean it",
    "0177.0.0.1": "some tools read it as 127.0.0.1, others as 177.0.0.1: write the one that you mean",
    "127.0.0.01": "other tools read it as 127.0.0.1: write that if you mean it",
    "08.1.1.1": "other tools read it as 8.1.1.1: write that if you mean it",
    "2222": "which has four numbers from 0 to 255",
    "0xffffffffff": "which has four numbers from 0 to 255",
}
"""Words that inet_aton(3) accepts as an address, and the end of our error."""


@pytest.mark.parametrize("word", READINGS)
def test_ambiguous_addresses_are_refused(word: str) -> None:
    """As a target and as an exclusion: as a name it would reach an address that no exclusion covers."""
    for read in (lambda: parse_targets([word]), lambda: Exclusions.parse([word])):
        with pytest.raises(InputError) as caught:
            read()
        message = str(caught.value)
        assert message.startswith(f'"{word}" is not an IPv4 address, which has four numbers from 0 to 255')
        assert message.endswith(READINGS[word])


@given(
    st.text(alphabet="01789afxX.-o", min_size=1, max_size=12)
    | st.lists(st.sampled_from(["0x7f", "127", "0", "1", "0177", "0x", "a"]), min_size=1, max_size=5).map(".".join)
)
def test_no_name_looks_like_an_address_to_the_resolver(word: str) -> None:
    try:
        spec = parse_specification(word)
    except InputError:
        return
    if isinstance(spec, HostSpec) and ipv4_value(spec.host) is None:
        with pytest.raises(OSError):
            socket.inet_aton(spec.host)


NUMBERS = st.one_of(
    st.integers(0, 300).map(str),
    st.sampled_from(["", "00", "01", "010", "0x1", "1e1", "-1", "+1", " 1", "1 ", "1000", "²", "٣", "1\0"]),
)


@given(st.one_of(st.lists(NUMBERS, min_size=1, max_size=5).map(".".join), st.text(max_size=20)))
def test_ipv4_addresses_agree_with_the_standard_library(text: str) -> None:
    try:
        expected = int(IPv4Address(text))
    except ValueError:
        expected = None
    assert ipv4_value(text) == expected


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_a_clear_error(text: str) -> None:
    message = ""
    try:
        parse_targets(["ok", text])
    except InputError as error:
        message = str(error)
    assert escape_unprintable(message) == message


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "targets.txt"
    file.write_bytes("\ufeff# ours\n\nweb1   # the old one\r\n10.0.0.0/31\n  web2:2222".encode())
    assert [(t.host, t.port) for t in parse_targets(["first"], files=[str(file)], port=24)] == [
        ("10.0.0.0", 24),
        ("10.0.0.1", 24),
        ("first", 24),
        ("web1", 24),
        ("web2", 2222),
    ]


def test_standard_input_is_read_once() -> None:
    stream = parse_targets(["-", "-", "c"], files=["-"], stdin=io.BytesIO(b"a\nb\n"))
    assert [target.host for target in stream] == ["a", "b", "c"]


def test_errors_of_files_name_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "targets.txt"

    def error(data: bytes) -> str:
        file.write_bytes(data)
        with pytest.raises(InputError) as caught:
            parse_targets(["fine"], files=[str(file)])
        return str(caught.value).removeprefix(str(tmp_path) + "/")

    assert error(b"\n" * 16 + b"10.0.0.0/99\n") == (
        'targets.txt:17: "10.0.0.0/99" is not a network: the prefix of an IPv4 network is 0 to 32'
    )
    assert error(b"web1\nweb2\xff\n") == "targets.txt:2: is not UTF-8 text"
    assert error(b"web1\nweb2\x00\xff\n") == "targets.txt:2: is not text: it contains NUL bytes"
    assert error(b"# nothing\n\n") == "targets.txt: has no target"
    assert error(b"") == "targets.txt: has no target"
    file.unlink()
    with pytest.raises(InputError, match=r"targets\.txt: cannot be read: No such file"):
        parse_targets([], files=[str(file)])
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        parse_targets([], files=[str(tmp_path)])
    with pytest.raises(InputError, match="standard input: has no target"):
        parse_targets(["-"], stdin=io.BytesIO(b""))
    with pytest.raises(InputError, match="no target"):
        parse_targets([])


def test_an_ambiguous_ipv6_port_is_noted() -> None:
    stream = parse_targets(["2001:db8::1", "2001:db8:1:2:3:4:5:22", "2001:db8::22", "::ffff:192.0.2.1"])
    assert stream.notices == []
    stream = parse_targets(["2001:db8::9", "::1:2222", "fe80::1:22"])
    assert [target.port for target in stream] == [22] * 3
    assert stream.notices == ["::1:2222 is read as an address: for a port write [::1]:2222 (1 more like it)"]
    with pytest.raises(InputError, match=r'"::1:22101" is not an IPv6 address: for a port write \[::1\]:22101'):
        parse_targets(["::1:22101"])
