"""Files of other tools (`files/`): each is recognized, or refused with a way to convert it."""

import bz2
import gzip
import io
import json
from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.targets import parse_targets
from sshprobe.targets.inventories import FORMATS

FILES = Path(__file__).parent / "files"


def targets(name: str, port: int = 22) -> set[tuple[str, int]]:
    return {(target.host, target.port) for target in parse_targets([], inventories=[str(FILES / name)], port=port)}


def of(content: str | bytes, format_: str | None = None, port: int = 22) -> set[tuple[str, int]]:
    data = content.encode() if isinstance(content, str) else content
    stream = parse_targets([], inventories=["-"], inventory_format=format_, port=port, stdin=io.BytesIO(data))
    return {(target.host, target.port) for target in stream}


def notices(name: str) -> list[str]:
    path = str(FILES / name)
    return [notice.removeprefix(f"{path}: ") for notice in parse_targets([], inventories=[path]).notices]


def error(content: str | bytes, format_: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        of(content, format_)
    message = str(caught.value)
    assert message.isprintable()
    return message.removeprefix("standard input")


L = "127.0.0"
READ = {
    "40_masscan_oX.xml": {(f"{L}.1", 22), (f"{L}.2", 2222)},
    "40_same_as_oJ.json": {(f"{L}.1", 22), (f"{L}.2", 2222)},
    "41_nmap_cut_off.xml": {(f"{L}.1", 22)},
    "42_nmap.gnmap": {(f"{L}.1", 22)},
    "43_nmap_odd_services.xml": {(f"{L}.3", 22), (f"{L}.3", 830), (f"{L}.3", 8101)},
    "44_known_hosts_with_bad_lines": {
        *((f"{L}.{number}", 22) for number in (1, 3, 4, 5)),
        *((f"{L}.6", 2222), ("host3", 22)),
    },
    "45_ssh_config_inline_comments": {(f"{L}.1", 2222), (f"{L}.2", 22)},
    "46_zgrab2.jsonl": {(f"{L}.1", 22)},
    "47_zmap.jsonl": {(f"{L}.1", 22)},
    "48_naabu.csv": {(f"{L}.1", 22)},
    "51_ansible_old_dynamic.json": {(f"{L}.{number}", 22) for number in (1, 2, 3)},
    "52_ansible_odd_values.json": {(f"{L}.1", 2222), (f"{L}.3", 22), (f"{L}.4", 22), (f"{L}.6", 22)},
    "53_shodan.jsonl": {(f"{L}.1", 22)},
    "58_vagrant_ssh_config": {
        *((f"{L}.1", 2222), (f"{L}.2", 22), ("::1", 22)),
        *(("c.example.org", 22), ("d.example.org", 22)),
    },
    "59_utf16_hosts.txt": {(f"{L}.1", 22), (f"{L}.2", 22)},
    "60_rustscan.txt": {(f"{L}.1", 22), (f"{L}.1", 2222), (f"{L}.2", 22)},
}
REFUSED = {
    "49_etc_hosts": "awk '{print $1}' FILE",
    "50_pssh_hosts": "leave out the user name, as in 127.0.0.1:2222",
    "54_clush_nodes": "expand the group first, as `nodeset",
    "55_host_port_csv.csv": """the columns "hostname, ip, port, owner": `awk -F, 'NR>1 {print $2":"$3}' FILE`""",
    "56_host_blank_port.txt": "for a port write 127.0.0.1:22",
    "57_urls.txt": "leave out the scheme, as in 127.0.0.1:2222",
    "62_tlsx.jsonl": "is JSON of tlsx, whose ports speak TLS: for its hosts, `jq -r .ip FILE | sshprobe scan -`",
    "63_nmap_oN.txt": "is nmap's normal output: write XML with `nmap -oX FILE`, or read its .gnmap file",
    "64_nmap_sn_oN.txt": "is nmap's normal output",
    "65_table_with_host_header.tsv": r"`awk -F'\t' 'NR>1 {print $2}' FILE` makes it a list",
}


@pytest.mark.parametrize("name", READ)
def test_the_format_of_a_file_is_detected(name: str) -> None:
    assert targets(name) == READ[name]


@pytest.mark.parametrize("name", REFUSED)
def test_an_unreadable_format_names_a_conversion(name: str) -> None:
    with pytest.raises(InputError) as caught:
        targets(name)
    assert caught.value.line is not None
    assert REFUSED[name] in str(caught.value)


def test_every_case_is_here() -> None:
    assert {path.name for path in FILES.iterdir()} == READ.keys() | REFUSED.keys()


@pytest.mark.parametrize(
    "rest",
    ["", ",", '\n{"ip"', '\n{"ip": "192.0.2.2', '\n{"ip": "192.0.2.2", "ports": [{"port": 2', '\n{"a": tr', "\n{"],
)
@pytest.mark.parametrize("begin", ["", "["])
def test_cut_off_json_is_read_up_to_the_last_host(begin: str, rest: str) -> None:
    text = begin + '{"ip": "192.0.2.1", "ports": [{"port": 24}]}' + rest
    stream = parse_targets([], inventories=["-"], stdin=io.BytesIO(text.encode()))
    assert [(target.host, target.port) for target in stream] == [("192.0.2.1", 24)]
    assert [notice.partition(" in ")[0].partition(": its")[0] for notice in stream.notices] == (
        ["standard input: is cut off"] if begin or rest not in ("", ",") else []
    )


def test_skipped_entries_are_counted() -> None:
    assert notices("44_known_hosts_with_bad_lines") == [
        "5 left out: lines that are not host names, key type and key; the first is line 2"
    ]
    assert notices("41_nmap_cut_off.xml") == ["is cut off in line 20: only the hosts before that are read"]
    assert notices("46_zgrab2.jsonl") == ["1 left out: hosts that did not answer zgrab2"]
    assert notices("47_zmap.jsonl") == ["1 left out: ports that are not open TCP ports"]
    assert notices("52_ansible_odd_values.json") == [
        '2 left out: hosts whose `ansible_host` is null, a list or empty; the first is "h2"'
    ]


@pytest.mark.parametrize("name", [name for name in READ if not name.startswith(("59", "44"))])
def test_compressed_and_in_other_encodings_it_is_the_same(name: str) -> None:
    data = (FILES / name).read_bytes()
    expected = READ[name]
    text = data.decode().replace("\r\n", "\n").replace("\n", "\r\n")
    for other in (gzip.compress(data, mtime=0), text.encode(), b"\xef\xbb\xbf" + data, text.encode("utf-16")):
        assert of(other) == expected


def test_masscan_s_xml_equals_its_json() -> None:
    entry = '<host><address addr="192.0.2.%d" addrtype="ipv4"/><ports>%s</ports></host>'
    port = '<port protocol="%s" portid="%d"><state state="%s"/></port>'
    ports = [("tcp", 24, "open"), ("udp", 53, "open"), ("tcp", 25, "closed")]
    xml = f"<nmaprun scanner='masscan'>{''.join(entry % (1, port % each) for each in ports)}</nmaprun>"
    lines = [
        {"ip": "192.0.2.1", "ports": [{"port": number, "proto": protocol, "status": state}]}
        for protocol, number, state in ports
    ]
    for text in (xml, json.dumps(lines)):
        stream = parse_targets([], inventories=["-"], stdin=io.BytesIO(text.encode()))
        assert [(target.host, target.port) for target in stream] == [("192.0.2.1", 24)]
        assert stream.notices == ["standard input: 2 left out: ports that are not open TCP ports"]


# nmap -oG and masscan -oG

GREPABLE = """# Nmap 7.93 scan initiated Mon Nov 23 10:00:00 2026 as: nmap -sV -oG out 192.0.2.0/29
Host: 192.0.2.1 (web1)\tStatus: Up
Host: 192.0.2.1 (web1)\tPorts: 22/open/tcp//ssh//OpenSSH 9.2 (protocol 2.0)/, 80/open/tcp//http//x, 24|open|tcp||ssh||/
Host: 192.0.2.2 ()\tStatus: Up
Host: 192.0.2.3 ()\tPorts: 22/filtered/tcp//ssh///, 830/open/tcp//netconf-ssh///, 22/open|filtered/tcp//ssh///
# Nmap done at Mon Nov 23 10:00:01 2026 -- 8 IP addresses (3 hosts up) scanned in 0.10 seconds
"""
MASSCAN_GREPABLE = """# Masscan 1.3.2 scan initiated Mon Nov 23 10:00:00 2026
# Ports scanned: TCP(1;22-22) UDP(0;) SCTP(0;) PROTOCOLS(0;)
Timestamp: 1700000000\tHost: 192.0.2.1 ()\tPorts: 2222/open/tcp//unknown//
Timestamp: 1700000000\tHost: 192.0.2.2 ()\tPorts: 53/open/udp//domain//
Host: 192.0.2.1 ()\tPort: 2222\tService: ssh\tBanner: SSH-2.0-x
# Masscan done at Mon Nov 23 10:00:01 2026
"""


def test_grepable_output() -> None:
    for format_ in (None, "nmap"):
        assert of(GREPABLE, format_) == {("192.0.2.1", 22), ("192.0.2.3", 830)}
    assert of(GREPABLE, port=80) == {("192.0.2.1", 22), ("192.0.2.1", 80), ("192.0.2.3", 830)}
    only_up = "Host: 192.0.2.1 ()\tStatus: Up\nHost: 192.0.2.2 ()\tStatus: Down\nHost: 192.0.2.3 ()\tStatus: Unknown\n"
    assert of(only_up, port=24) == {("192.0.2.1", 24)}
    header = "# Nmap 7.93 scan initiated Mon Nov 23 10:00:00 2026 as: nmap %s -oG out 192.0.2.1\n"
    assert of(header % "-n -sn" + only_up) == {("192.0.2.1", 22)}
    assert error(header % "-p 80" + only_up) == ": has no target"
    for format_ in (None, "masscan"):
        assert of(MASSCAN_GREPABLE, format_) == {("192.0.2.1", 2222)}
    assert error(GREPABLE + "else\n").startswith(":7: is not a line of `-oG`")
    assert error("Host: 192.0.2.1 ()\tPorts: none at all\n").startswith(":1: has ports that cannot be read")


# JSON of scanners

OTHER_JSON = {
    '{"ip":"127.0.0.1","port":443,"host":"a","tls_version":"tls13"}': "is JSON of tlsx",
    '{"template-id":"ssh","host":"127.0.0.1:22","ip":"127.0.0.1","port":"22"}': "is JSON of nuclei",
    '{"ip":"127.0.0.1","port":443,"path":"/"}': "is not a known inventory: for its hosts, `jq -r .ip FILE",
    '{"name":"db","host":"127.0.0.1","port":5432}': "is not a known inventory: for its hosts, `jq -r .host",
    '{"targets":["127.0.0.1"],"exclude":["127.0.0.2"]}': "is not a known inventory",
    '[{"ip":"127.0.0.1","path":"/"}]': "is not a known inventory: for its hosts, `jq -r '.[].ip' FILE",
    '{"data":{"ssh":{"status":"success"}}}': "is not a known inventory",
}


@pytest.mark.parametrize("text", OTHER_JSON)
def test_json_that_names_hosts_and_ports_is_not_guessed_at(text: str) -> None:
    assert error(text).startswith(f":1: {OTHER_JSON[text]}")


def test_zgrab2() -> None:
    line = '{"domain":"a.example","data":{"ssh-24":{"status":"success","protocol":"ssh","port":24}}}\n'
    other = '{"ip":"192.0.2.2","data":{"http":{"status":"success","protocol":"http"}}}\n'
    without = '{"ip":"192.0.2.3","data":{"ssh":{"status":"success","result":{}}}}\n'
    for format_ in (None, "zgrab2"):
        assert of(line + other + without, format_, port=25) == {("a.example", 24), ("192.0.2.3", 25)}


def test_shodan() -> None:
    lines = (
        '{"ip_str":"192.0.2.1","ip":3221225985,"port":2222,"transport":"tcp","data":"SSH-2.0-x"}\n'
        '{"ip_str":"192.0.2.1","port":443,"transport":"tcp","data":"HTTP/1.1","_shodan":{"module":"https"}}\n'
    )
    host = '{"ip_str":"192.0.2.2","ports":[22,80],"data":[{"port":22,"data":"SSH-2.0-x"},{"port":80,"data":"HTTP"}]}'
    for format_ in (None, "shodan"):
        assert of(gzip.compress((lines + host).encode()), format_) == {("192.0.2.1", 2222), ("192.0.2.2", 22)}
    assert error('{"ip_str":"192.0.2.2","data":[1]}').startswith(":1: a banner of Shodan is not an object")


def test_zmap_json_and_csv_without_a_column_of_success() -> None:
    lines = '{"saddr":"192.0.2.1","sport":24,"success":true}\n{"saddr":"192.0.2.2","classification":"rst"}\n'
    for format_ in (None, "zmap"):
        assert of(lines, format_) == {("192.0.2.1", 24)}
    assert of('saddr,sport,success\n"192.0.2.1","24",1\n') == {("192.0.2.1", 24)}
    assert of("saddr,classification\n192.0.2.1,synack\n192.0.2.2,rst\n") == {("192.0.2.1", 22)}


def test_naabu_csv() -> None:
    header = "host,ip,port,protocol,tls,cdn,cdn-name,timestamp,mac_address,,cpes\n"
    row = '"a.example",192.0.2.1,24,tcp,false,false,"x, y",2026,,,,,,,,\n,192.0.2.2,53,udp,false,false,,2026,,,\n'
    for format_ in (None, "naabu"):
        assert of(header + row + header + row.replace("24", "25"), format_) == {("192.0.2.1", 24), ("192.0.2.1", 25)}
    assert error(header + "a,b\n").startswith(":2: has 2 columns where the header has 11")


# Ansible


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"_meta":{"hostvars":{}},"web":{"hosts":["a"],"vars":{"ansible_port":24}}}', 'group "web" sets ansible_port'),
        ('{"web":{"hosts":["a"],"vars":{"ansible_ssh_common_args":"-J x"}}}', "sets ansible_ssh_common_args"),
        ('{"all":{"hosts":{"a":{"ansible_host":"192.0.2.1"}}}}', "is written as in Ansible's YAML"),
        ('{"all":{"children":{"web":{"hosts":{"a":null}}}}}', "is written as in Ansible's YAML"),
    ],
)
def test_computed_values_are_left_to_ansible(text: str, words: str) -> None:
    message = error(text)
    assert words in message
    assert "`ansible-inventory -i FILE --list`" in message


@pytest.mark.parametrize(
    "text",
    [
        "web1 ansible_host=192.0.2.1\n",
        "all:  # ours\n  hosts:\n    web1:\n",
        "web-servers:\n  hosts:\n    web1:\n",
        "web[01:10].example.org\n[web:vars]\nx=1\n",
    ],
)
def test_inventories_in_ini_and_yaml_are_for_ansible(text: str) -> None:
    assert "`ansible-inventory -i FILE --list`" in error(text)


def test_malformed_values_of_ansible() -> None:
    hosts = {
        "a": {"ansible_port": None, "ansible_connection": None, "ansible_ssh_common_args": None},
        "b": {"ansible_port": [24]},
        "c": {"ansible_port": ""},
    }
    text = json.dumps({"web": {"hosts": None, "vars": None, "children": None}, "_meta": {"hostvars": hosts}})
    assert of(text) == {("a", 22)}
    assert of('{"db": {"hosts": ["x"]}, "_meta": {"hostvars": null}}') == {("x", 22)}


# known_hosts

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4oMAuNrLyZ3VG1ZfyRz8zr2rFkAqCRkiHo7rH0kIvU"


def test_a_row_of_numbers_is_not_a_key() -> None:
    assert "is not a host" in error("using ssh-agent today\n")
    assert error("web1 4 8 16\nweb2 4 8 16\n").startswith(':1: "web1 4 8 16" is not a host')


def test_lines_of_known_hosts() -> None:
    assert of(f"<<<<<<< HEAD\nweb1 is down\n=======\nweb2 {KEY}\n>>>>>>> x\n") == {("web2", 22)}
    text = f"=\nweb1 {KEY}\nweb2 1024 35 {'7' * 309} old\nweb0 4 8 16\nweb3 is down today\n"
    text += f"@bogus web4 {KEY}\n*.x,!web5,web6 {KEY}\n"
    text += f"@cert-authority * {KEY}\n@revoked web7 {KEY}\n[::1]:2222,[web8]:0,[web9] {KEY}\nweb10 {KEY} a # b\n"
    assert of(text) == {("web1", 22), ("web2", 22), ("web6", 22), ("::1", 2222), ("web9", 22), ("web10", 22)}


# Others


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            b"Discovered open port 22/tcp on 192.0.2.1\n",
            ":1: is what masscan prints: write JSON with `masscan -oJ FILE`",
        ),
        (b"TCP open\t ssh[   22]\t\tfrom 192.0.2.1  ttl 64\n", ":1: is the unicornscan format of masscan"),
        (b"Open 192.0.2.1:22\nOpen 192.0.2.2:22\n", ":1: is what rustscan prints"),
        (b"Starting Nmap 7.93 ( https://nmap.org )\nHost is up.\n", ":1: is nmap's normal output"),
        (b"masscan/1.1\ns:17\n\0\0\0", ": is masscan's binary format: `masscan --readscan FILE -oJ -`"),
        (b"PK\x03\x04\x14\0", ": is an archive or a spreadsheet"),
        (bz2.compress(b"web1\n"), ": is compressed: `bzcat FILE | sshprobe scan --inventory -`"),
        (gzip.compress(b"web1\n" * 100, mtime=0)[:-9], ": is a compressed file that is cut off"),
        (gzip.compress(gzip.compress(b"web1\n", mtime=0), mtime=0), ": is compressed: decompress it"),
        (b"web1\0\n", ": is not text: it contains NUL bytes"),
        (b"\xff\xfeweb", ": is not UTF-16 text"),
        (
            b"Host;IP\nweb1;192.0.2.1\n",
            ":1: is a table with the columns \"host, ip\": `awk -F';' 'NR>1 {print $2}' FILE`",
        ),
        (b"# IP, Name\n192.0.2.1,a\n", ':2: "192.0.2.1,a" is not a host: write one host a line'),
        (
            b"192.0.2.1,22\n",
            ':1: "192.0.2.1,22" is not a host: write one host a line, or one an argument; for a port write',
        ),
        (
            b"192.0.2.1 192.0.2.2\n",
            ':1: "192.0.2.1 192.0.2.2" is not a host: it contains white space; write one host a line',
        ),
        (
            b"Host web1\nHost web2\n",
            ":1: has no settings of an ssh_config: if it is one, `--inventory-format ssh-config`",
        ),
        (b"# ours\nIP\n192.0.2.1\n", ':2: "IP" is the name of a column and not a host: leave it out, or write "IP."'),
        (
            b'["web1", "web2"]',
            ":1: is not an inventory: a JSON object belongs here: `jq -r '.[]' FILE | sshprobe scan -`",
        ),
        (
            b"url,host,port\nhttps://web1,web1,443\n",
            ":1: is a table with the columns \"url, host, port\": `awk -F, 'NR>1 {print $2}'",
        ),
        (
            b"ip,ip_str,port\n1,192.0.2.1,22\n",
            ':1: is a table with the columns "ip, ip_str, port": `awk -F, \'NR>1 {print $2":',
        ),
        (b'restrict,command="x" ssh-ed25519 AAAA me\n', ":1: is a line of authorized_keys, which names no hosts"),
        (b'web1 ssh-rsa AAAA\nfrom="*.x" ssh-ed25519 AAAA me\n', ":2: is a line of authorized_keys"),
        (b"<nmaprun " + b"a" * 2**23, ":1: is not XML that can be read: a tag has more than 4 MiB"),
        (b"192.0.2.1 -> [22,x]\n", ":1: "),
        (b"127.0.0.1:22 [cloudflare]\n", ":1: "),
    ],
)
def test_other_files_are_refused(data: bytes, words: str) -> None:
    assert error(data).startswith(words)


@pytest.mark.parametrize("format_", [None, *FORMATS])
@pytest.mark.parametrize("as_file", [True, False])
def test_an_endless_file_is_one_line(format_: str | None, as_file: bool) -> None:
    with Path("/dev/zero").open("rb") as stream, pytest.raises(InputError, match=r"is not text: it contains NUL bytes"):
        parse_targets([], inventories=["/dev/zero" if as_file else "-"], inventory_format=format_, stdin=stream)


def test_the_name_of_a_column_is_not_a_host() -> None:
    with pytest.raises(InputError, match=':1: "hostname" is the name of a column and not a host'):
        parse_targets(["-"], stdin=io.BytesIO(b"hostname\nweb1\n"))
    stream = parse_targets(["ip", "-"], stdin=io.BytesIO(b"host.\nip\n"))
    assert [target.host for target in stream] == ["ip", "host"]


@pytest.mark.parametrize("word", ["null", "null:22", "None", "nan", "undefined"])
def test_a_missing_value_is_not_a_host(word: str) -> None:
    data = f"192.0.2.1\n{word}\n".encode()
    with pytest.raises(InputError, match=f':2: "{word}" is not a host: programs print it for a missing value'):
        parse_targets(["-"], stdin=io.BytesIO(data))
    with pytest.raises(InputError, match=f':2: "{word}" is not a host: programs print it'):
        parse_targets([], inventories=["-"], stdin=io.BytesIO(data))
    with pytest.raises(InputError, match=f'^"{word}" is not a host'):
        parse_targets([word])


def test_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sshprobe.targets.sources._MOST_LINES", 1000)
    with pytest.raises(InputError, match="has more than 1,000 lines: split it"):
        parse_targets(["-"], stdin=Endless(b"\n"))  # type: ignore[arg-type] # a stream with only `read`


def test_an_endless_list_is_one_line() -> None:
    for name in ("/dev/zero", "-"):
        with Path("/dev/zero").open("rb") as zeros, pytest.raises(InputError, match=r":1: is not text"):
            parse_targets([], files=[name], stdin=zeros)
    for data, words in (
        (b"a" * 70_000, ":1: is longer than 65,536 bytes: a line has one entry"),
        (b"web1\n" + b"a" * 70_000 + b"\n", ":2: is longer than 65,536 bytes"),
        (gzip.compress(b"web1\n", mtime=0), ": is compressed: decompress it"),
    ):
        with pytest.raises(InputError) as caught:
            parse_targets(["-"], stdin=io.BytesIO(data))
        assert str(caught.value).startswith(f"standard input{words}")
    stream = parse_targets(["-"], stdin=io.BytesIO("web1\r\nweb2\r\n".encode("utf-16")))
    assert [target.host for target in stream] == ["web1", "web2"]


class Endless(io.RawIOBase):
    """The same bytes without end."""

    def __init__(self, data: bytes) -> None:
        self._data = data * (2**20 // len(data))
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._left) < size:
            self._left += self._data
        data, self._left = self._left[:size], self._left[size:]
        return data


@pytest.mark.parametrize("data", [b"192.0.2.1\n", b'{"ip":"192.0.2.1","ports":[{"port":22}]}\n'])
def test_more_than_the_limit_is_one_line(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sshprobe.targets.inventories.source.MOST", 2**21)
    monkeypatch.setattr("sshprobe.targets.sources._MOST", 2**21)
    with pytest.raises(InputError, match="standard input: has more than 2 MiB: split it"):
        parse_targets([], inventories=["-"], stdin=Endless(data))  # type: ignore[arg-type] # a stream with only `read`
    with pytest.raises(InputError, match="standard input: has more than 2 MiB: split it"):
        parse_targets(["-"], stdin=Endless(b"192.0.2.1\n"))  # type: ignore[arg-type] # a stream with only `read`
    with pytest.raises(InputError, match="standard input: has more than 2 MiB"):
        of(gzip.compress(data * 300_000, mtime=0))
    monkeypatch.setattr("sshprobe.targets.inventories.json_stream._LARGEST", 2**18)
    assert error(b'{"_meta":"' + b"a" * 2**20).startswith(":1: is not JSON that can be read: an object has more than")
