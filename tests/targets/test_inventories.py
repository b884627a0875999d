"""Files of other programs. If the program is installed, it writes the file or confirms its meaning."""

import io
import json
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.model.errors import InputError
from sshprobe.targets import Exclusions, TargetStream, parse_targets
from sshprobe.targets.inventories import FORMATS
from tests.installed import need_program


class Folder:
    """Writes an inventory and reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path / "inventory"

    def stream(self, content: str | bytes, format_: str | None = None, port: int = 22) -> TargetStream:
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        return parse_targets([], inventories=[str(self.path)], inventory_format=format_, port=port)

    def read(self, content: str | bytes, format_: str | None = None, port: int = 22) -> list[tuple[str, str, int]]:
        return [(target.text, target.host, target.port) for target in self.stream(content, format_, port)]

    def notices(self, content: str) -> list[str]:
        return [notice.removeprefix(f"{self.path}: ") for notice in self.stream(content).notices]

    def error(self, content: str | bytes, format_: str | None = None) -> str:
        with pytest.raises(InputError) as caught:
            self.stream(content, format_)
        message = str(caught.value)
        assert message.startswith(str(self.path))
        assert message.isprintable()
        return message.removeprefix(str(self.path))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# nmap

HEAD = '<?xml version="1.0"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner="nmap" version="7.93">\n'
NMAP = (
    HEAD
    + """<hosthint><status state="up"/><address addr="192.0.2.99" addrtype="ipv4"/></hosthint>
<host><status state="up"/><address addr="192.0.2.1" addrtype="ipv4"/><address addr="00:00:5E:00:53:01" addrtype="mac"/>
<hostnames><hostname name="web1.example.org" type="user"/><hostname name="r1.example.net" type="PTR"/></hostnames>
<ports><extraports state="closed" count="995"/>
<port protocol="tcp" portid="22"><state state="open"/><service name="ssh" method="table"/></port>
<port protocol="tcp" portid="2022"><state state="open"/><service name="ssh" method="probed"/></port>
<port protocol="tcp" portid="2222"><state state="open"/><service name="EtherNetIP-1" method="table"/></port>
<port protocol="tcp" portid="3306"><state state="open"/><service name="mysql" method="probed"/></port>
<port protocol="tcp" portid="4444"><state state="filtered"/><service name="ssh"/></port>
<port protocol="udp" portid="22"><state state="open"/><service name="ssh"/></port></ports></host>
<host><status state="down"/><address addr="192.0.2.2" addrtype="ipv4"/></host>
<host><status state="up"/><address addr="2001:db8::3" addrtype="ipv6"/></host>
<host><status state="up"/><address addr="192.0.2.4" addrtype="ipv4"/><ports><extraports state="closed"/></ports></host>
</nmaprun>
"""
)


def test_nmap(folder: Folder) -> None:
    assert folder.read(NMAP) == [
        ("2001:db8::3", "2001:db8::3", 22),
        ("web1.example.org", "192.0.2.1", 22),
        ("web1.example.org", "192.0.2.1", 2022),
    ]
    assert folder.notices(NMAP) == ["2 left out: open ports that nmap does not call ssh (name them with `-p`)"]
    assert ("web1.example.org", "192.0.2.1", 2222) in folder.read(NMAP, port=2222)


def test_nmap_itself(folder: Folder) -> None:
    nmap = need_program("nmap", "nmap")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        port, unnamed = server.getsockname()[1], other.getsockname()[1]
        command = [nmap, "-n", "-Pn", "-sT", "-oX", "-", "-p", f"1,{port},{unnamed}", "127.0.0.1"]
        report = subprocess.run(command, capture_output=True, check=True).stdout
    assert folder.read(report, port=port) == [(f"127.0.0.1:{port}", "127.0.0.1", port)]
    report = subprocess.run([nmap, "-n", "-sn", "-oX", "-", "127.0.0.1"], capture_output=True, check=True).stdout
    assert folder.read(report, port=2222) == [("127.0.0.1", "127.0.0.1", 2222)]


BOMB = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">'


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (f"<!DOCTYPE nmaprun [\n{BOMB}]>\n<nmaprun><host>&b;</host></nmaprun>", ":1: declares entities"),
        (f"<!DOCTYPE x [<!ELEMENT x ANY>\n{BOMB}]>\n<nmaprun/>", ":1: declares entities"),
        ('<!DOCTYPE n SYSTEM "file:///etc/passwd">\n<nmaprun/>', ": has no target"),
        ("<html><body></body></html>", ":1: is not nmap XML: it begins with <html>"),
        ("<nmaprun>\n<host>\n", ": has no target; is cut off in line 3: only the hosts before"),
        ("<nmaprun>\n<host></nmaprun>", ":2: is not XML: mismatched tag"),
        (HEAD + '<host><address addr="a b" addrtype="ipv4"/></host></nmaprun>', ':4: "a b" is not a host name'),
        (HEAD + "\n<host></host></nmaprun>", ":5: the host is not a string"),
        (NMAP.replace('"2022"', '"70000"'), ':5: "70000" is not a port: ports are 1 to 65535'),
        (NMAP.replace('"2022"', '"&undefined;"'), ":9: is not XML: undefined entity"),
        (HEAD + "</nmaprun>", ": has no target"),
    ],
)
def test_other_xml_is_not_a_report_of_nmap(folder: Folder, report: str, message: str) -> None:
    assert folder.error(report).startswith(message)


# masscan, naabu, httpx, zmap

MASSCAN = """[
{   "ip": "192.0.2.1",   "timestamp": "1700000000", "ports": [ {"port": 22, "proto": "tcp", "status": "open"} ] }
,
{   "ip": "192.0.2.2",   "timestamp": "1700000000", "ports": [ {"port": 2222, "proto": "tcp", "status": "closed"},
  {"port": 23, "proto": "udp", "status": "open"}, {"port": 24, "proto": "tcp", "status": "open"} ] },
{   "ip": "192.0.2.1",   "ports": [ {"port": 22, "proto": "tcp", "service": {"name": "ssh", "banner": "SSH-2"}} ] }%s
]
"""
FOUND = [("192.0.2.1:22", "192.0.2.1", 22), ("192.0.2.2:24", "192.0.2.2", 24)]


@pytest.mark.parametrize("end", ["", ",", ",\n{finished: 1}", ",\n{ finished : 1 }"])
@pytest.mark.parametrize("format_", [None, "masscan"])
def test_masscan_json(folder: Folder, end: str, format_: str | None) -> None:
    assert folder.read(MASSCAN % end, format_) == FOUND
    assert folder.notices(MASSCAN % end) == ["2 left out: ports that are not open TCP ports"]


def test_masscan_json_after_another_program(folder: Folder) -> None:
    values = json.loads(MASSCAN % "")
    for text in (
        json.dumps(values),
        json.dumps(values, indent=4),
        "\ufeff" + json.dumps(values),
        "\n".join(map(json.dumps, values)),
        json.dumps(values).replace(",", "\r\n,\r\n"),
    ):
        assert folder.read(text) == FOUND


def test_masscan_lines_of_json(folder: Folder) -> None:
    line = '{"ip":"192.0.2.%d","timestamp":"17","port":22,"proto":"tcp","rec_type":"%s","data":{"status":"%s"}}\n'
    text = line % (1, "status", "open") + line % (2, "status", "closed") + line % (3, "banner", "open")
    assert [host for _, host, _ in folder.read(text)] == ["192.0.2.1", "192.0.2.3"]


@pytest.mark.parametrize("format_", [None, "masscan"])
def test_masscan_list(folder: Folder, format_: str | None) -> None:
    text = "#masscan\nopen tcp 22 192.0.2.1 1390380064\nopen tcp 24 192.0.2.2 1390380064\nclosed tcp 2 192.0.2.2 17\n"
    banner = "banner tcp 22 192.0.2.1 1390380064 ssh SSH-2.0-OpenSSH_9.2p1\n# end\n"
    assert folder.read(text + banner, format_) == FOUND
    assert folder.error(text + "what is this\n").startswith(":5: is not a line of masscan")


def test_a_large_json_inventory_is_read_in_pieces(folder: Folder) -> None:
    values = [{"ip": f"10.0.{n // 256}.{n % 256}", "ports": [{"port": 22, "reason": "é" * 40}]} for n in range(2000)]
    for text in (json.dumps(values, ensure_ascii=False), "\n".join(map(json.dumps, values))):
        assert len(text) > 3 * 65_536
        assert len(folder.read(text)) == 2000
    broken = [json.dumps(value) for value in values]
    broken[1000] = broken[1000][:-1]
    assert folder.error("\n".join(broken)).startswith(":1001: is not JSON: expecting ',' delimiter")
    hosts = {f"h{number}": {"ansible_port": 22} for number in range(20_000)}
    assert len(folder.read(json.dumps({"_meta": {"hostvars": hosts}}, indent=2))) == 20_000


def test_naabu(folder: Folder) -> None:
    lines = """{"host":"web.example","ip":"192.0.2.1","timestamp":"2026-01-01T00:00:00Z","port":22,"protocol":"tcp"}
{"ip":"192.0.2.2","port":2222,"protocol":"tcp","tls":false}
{"host":"www.example","ip":"192.0.2.1","port":22,"protocol":"tcp"}
{"ip":"192.0.2.3","port":{"Port":24,"Protocol":0,"TLS":false}}
{"ip":"192.0.2.3","port":53,"protocol":"udp"}
{"ip":"192.0.2.3","port":0,"protocol":"tcp","tls":false}
"""
    for format_, more in ((None, ""), ("naabu", '{"host":"db.example","port":25,"other":1}')):
        assert folder.read(lines + more, format_) == [
            ("web.example", "192.0.2.1", 22),
            ("192.0.2.3:24", "192.0.2.3", 24),
            ("192.0.2.2:2222", "192.0.2.2", 2222),
            *([("db.example", "db.example", 25)] if more else []),
        ]


def test_httpx_gives_hosts_without_ports(folder: Folder) -> None:
    lines = """{"port":"443","url":"https://a.example","input":"a.example","host":"192.0.2.1","failed":false}
{"port":"443","url":"https://b.example","input":"b.example","host":"b.example","host_ip":"192.0.2.2"}
{"input":"c.example","failed":true}
"""
    for format_ in (None, "httpx"):
        assert folder.read(lines, format_, port=2222) == [
            ("a.example", "192.0.2.1", 2222),
            ("b.example", "192.0.2.2", 2222),
        ]


def test_zmap(folder: Folder) -> None:
    assert folder.read("192.0.2.2\n192.0.2.1\n", port=24) == [
        ("192.0.2.1", "192.0.2.1", 24),
        ("192.0.2.2", "192.0.2.2", 24),
    ]
    table = "saddr,sport,classification,success\n192.0.2.1,22,synack,1\n192.0.2.3,22,rst,0\n192.0.2.2,24,synack,1\n"
    assert folder.read(table) == folder.read(table, "zmap") == FOUND
    assert folder.read("saddr\n192.0.2.9\n") == [("192.0.2.9", "192.0.2.9", 22)]
    assert folder.read("192.0.2.9\n", "zmap") == folder.read("192.0.2.9\n", "list") == [("192.0.2.9", "192.0.2.9", 22)]
    assert folder.error(table + "192.0.2.4\n") == ":5: has 1 columns where the header has 4"


def test_a_list_is_what_a_file_of_targets_is(folder: Folder) -> None:
    assert folder.read("[2001:db8::1]:23\n") == [("[2001:db8::1]:23", "2001:db8::1", 23)]
    assert folder.read("# ours\nweb1:2222  # old\n192.0.2.0/31\n") == [
        ("192.0.2.0/31", "192.0.2.0", 22),
        ("192.0.2.0/31", "192.0.2.1", 22),
        ("web1:2222", "web1", 2222),
    ]


# Ansible

ANSIBLE = {
    "_meta": {
        "hostvars": {
            "web1": {"ansible_host": "192.0.2.1", "ansible_port": 22, "ansible_password": "secret"},
            "web2": {"ansible_host": "web2.example", "ansible_port": "2222"},
            "old": {"ansible_ssh_host": "192.0.2.9", "ansible_ssh_port": 24},
            "here": {"ansible_connection": "local"},
            "windows": {"ansible_connection": "winrm"},
            "plugin": {"ansible_connection": "ansible.builtin.ssh"},
            "inner": {"ansible_host": "10.0.0.1", "ansible_ssh_common_args": "-o ProxyCommand='ssh -W %h:%p -q jump'"},
            "inner2": {"ansible_ssh_extra_args": "-J jump"},
            "template": {"ansible_host": "{{ address }}"},
        }
    },
    "all": {"children": ["ungrouped", "web"]},
    "web": {"hosts": ["web1", "web2", "bare"]},
}


@pytest.mark.parametrize("indent", [None, 4])
def test_ansible(folder: Folder, indent: int | None) -> None:
    for format_ in (None, "ansible"):
        assert folder.read(json.dumps(ANSIBLE, indent=indent), format_, port=23) == [
            ("web1", "192.0.2.1", 22),
            ("old", "192.0.2.9", 24),
            ("bare", "bare", 23),
            ("plugin", "plugin", 23),
            ("web2", "web2.example", 2222),
        ]
    assert folder.notices(json.dumps(ANSIBLE)) == [
        "2 left out: hosts that ansible does not reach by SSH",
        "2 left out: hosts that are reached through another host (ProxyJump or ProxyCommand)",
        "1 left out: hosts whose address or port is a template",
    ]


@pytest.mark.parametrize("format_", [None, "ansible"])
@pytest.mark.parametrize(
    "text",
    [
        "[web]\nweb1 ansible_host=192.0.2.1\n",
        "mail.example.org\n\n[web:children]\nfront\n",
        "# ours\nall:\n  hosts:\n    web1:\n      ansible_host: 192.0.2.1\n",
        "---\nweb:\n  hosts:\n    web1:\n",
    ],
)
def test_ansible_sources_are_left_to_ansible(folder: Folder, text: str, format_: str | None) -> None:
    words = "is an Ansible inventory in INI or YAML; what can be read is JSON: `ansible-inventory -i FILE --list`"
    assert folder.error(text, format_) == f": {words}"


def test_ansible_errors_name_the_host_and_no_secret(folder: Folder) -> None:
    bad = {"_meta": {"hostvars": {"web1": {"ansible_port": 99999, "ansible_password": "secret"}}}}
    assert folder.error(json.dumps(bad)) == ':1: host "web1": "99999" is not a port: ports are 1 to 65535'
    bad = {"_meta": {"hostvars": {"web1": {"ansible_host": ["secret"]}}}}
    reason = 'hosts whose `ansible_host` is null, a list or empty; the first is "web1"'
    assert folder.error(json.dumps(bad)) == f": has no target; 1 left out: {reason}"
    bad = {"_meta": {"hostvars": {"we b\x1b": {}}}}
    assert folder.error(json.dumps(bad)) == ':1: host "we b\\x1b": "we b\\x1b" is not a host name: ' + (
        "its parts are letters, digits and inner hyphens"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", ":1: is not JSON"),
        ("[\n\n{]", ":3: is not JSON"),
        ("[\n", ':2: is cut off: its "]" is missing'),
        ('{"ip": "192.0.2.1", "ports": [{"port": 22}]}\n{"ip": "192.0.2.1", por', ":2: is not JSON"),
        ('["web1"]', ":1: is not an inventory: a JSON object belongs here"),
        ("[] {}", ':1: is not JSON: something follows its "]"'),
        ("[]", ": has no target"),
        ("[[[{}]]]", ":1: is not an inventory"),
        ("{}", ":1: is not a known inventory"),
        ('\n{"a": {"ghosts": []}}', ":2: is not a known inventory"),
        ('{"type":"sweep"}', ":1: has records of a scan: use `--from-records`"),
        ('{"sweep":{},"hosts":[],"summary":{}}', ":1: has records of a scan"),
        ('{"ip": "192.0.2.1", "ports": 22}', ':1: "ports" is not a list'),
        ('{"ip": "192.0.2.1", "ports": [22]}', ':1: "ports" is not a list'),
        ('{"ip": "192.0.2.1", "ports": [{}]}', ':1: "" is not a port'),
        ('\n{"ip": "192.0.2.1", "ports": [{"port": true}]}', ':2: "True" is not a port'),
        ('{"ip": 1, "ports": [{"port": 22}]}', ":1: the host is not a string"),
        ('{"ip": "10.0.0.0/8", "ports": [{"port": 22}]}', ':1: "10.0.0.0/8" is not a host name'),
        ('{"ip": "192.0.2.1", "port": null}', ':1: "" is not a port'),
        ('{"ip": "192.0.2.1", "port": 22.5}', ':1: "22.5" is not a port'),
        ('{"input": "x", "url": "https://x"}', ":1: the host is not a string"),
        ("[" * 100_000, ":1: is not an inventory"),
        ('{"a":' * 100_000, ":1: is not JSON that can be read"),
        ('{"a":' + "9" * 5000 + "}", ":1: is not JSON that can be read"),
        (b'{"a": "\xff"}', ": is not UTF-8 text"),
    ],
)
def test_other_json_is_not_an_inventory(folder: Folder, text: str | bytes, message: str) -> None:
    found = folder.error(text)
    assert found.startswith(message) or (text == "[" * 100_000 and "is not JSON" in found)


@pytest.mark.parametrize("format_", ["masscan", "naabu", "httpx", "ansible"])
def test_one_format_is_not_another(folder: Folder, format_: str) -> None:
    assert folder.error('\n{"no": "such thing"}', format_).startswith(":2: is not a")


# OpenSSH

CONFIG = """# mine
Include config.d/*
Host web1 web1.example.org
    HostName 192.0.2.1
    IdentityFile ~/.ssh/%C
Host = web2
    Port=2222
    hostname = "%h.example.org"
Host *.example.net !bad.example.net
    User me
Host inner
    HostName 10.0.0.1
    ProxyJump web1
Host tunnel
    ProxyCommand nc %h %p
Host straight
    ProxyJump none
Match host 192.0.2.1 OriginalHost web1.example.org
    Port 24
Match exec "touch ran"
    Port 25
Match tagged x
    Port 26
Match final
    Port 2299
Host *
    Port 2200
    CanonicalizeHostname yes
    ControlPath ~/%l-%C
"""


def test_ssh_config(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path.parent)
    monkeypatch.setattr(socket, "getaddrinfo", None)  # no name is looked up
    monkeypatch.setattr(socket, "gethostbyname", None)
    for format_ in (None, "ssh-config"):
        assert folder.read(CONFIG, format_) == [
            ("web1.example.org", "192.0.2.1", 24),
            ("web1", "192.0.2.1", 2200),
            ("straight", "straight", 2200),
            ("web2", "web2.example.org", 2222),
        ]
    assert folder.notices(CONFIG) == [
        "1 left out: `Include`, which is not followed: name those files too",
        "3 left out: patterns, which are not hosts",
        "2 left out: `Match` blocks that ask for more than the host (`exec` is never run): their settings are not used",
        "2 left out: hosts that are reached through another host (ProxyJump or ProxyCommand)",
    ]
    assert not (folder.path.parent / "ran").exists()


def test_ssh_agrees_with_the_inventory(folder: Folder) -> None:
    ssh = need_program("ssh", "openssh-client")
    config = (
        CONFIG.replace("CanonicalizeHostname yes", "").replace("Include config.d/*", "").replace("ControlPath", "#")
    )
    config = config.replace('Match exec "touch ran"', "Match host nobody").replace("tagged x", "host nobody")
    for name, host, port in folder.read(config):
        run = subprocess.run([ssh, "-F", folder.path, "-G", name], capture_output=True, text=True, check=True)
        settings = dict(line.split(" ", 1) for line in run.stdout.splitlines() if " " in line)
        assert (settings["hostname"], int(settings["port"])) == (host, port)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("Host a\n  Port ssh\n", ':2: "ssh" is not a port'),
        ("Host a\n  Port 70000\n", ':2: "70000" is not a port'),
        ("Host a\n  HostName a b\n", ':2: `hostname` has an extra argument, "b"'),
        ("Host a\n  Port 22\n\n???\n", ':4: "???" is not a keyword of ssh_config'),
        ('Host "a\nPort 22\n', ":1: `host` has a quote that does not end"),
        ("Host b\nPort 22\nMatch host\n", ":3: `match` has no argument for `host`"),
        ("Host b\nPort 22\nMatch all host x\n", ":3: `match` has criteria beside `all`"),
        ("Host *\n  Port 22\n", ": has no target; 1 left out: patterns"),
    ],
)
def test_other_files_are_not_an_ssh_config(folder: Folder, config: str, message: str) -> None:
    assert folder.error(config).startswith(message)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4oMAuNrLyZ3VG1ZfyRz8zr2rFkAqCRkiHo7rH0kIvU"
KNOWN = f"""# comment
web1,192.0.2.1 {KEY} comment
[web2]:2222,[192.0.2.2]:2222,[2001:db8::2]:2222 {KEY}
2001:db8::1 {KEY}
*.example.org,!x.example.org {KEY}
@cert-authority *.example.net {KEY}
@revoked web3 {KEY}
web1 ecdsa-sha2-nistp256 AAAA
|1|JfKTdBh7rNbXkVAQCRp4OQoPfmI=|USECr3SWf1JUPsms5AqfD5QfxkM= {KEY}
"""


def test_known_hosts(folder: Folder) -> None:
    for format_ in (None, "known-hosts"):
        assert folder.read(KNOWN, format_) == [
            ("192.0.2.1", "192.0.2.1", 22),
            ("2001:db8::1", "2001:db8::1", 22),
            ("192.0.2.2:2222", "192.0.2.2", 2222),
            ("[2001:db8::2]:2222", "2001:db8::2", 2222),
            ("web1", "web1", 22),
            ("web2:2222", "web2", 2222),
        ]
    assert folder.notices(KNOWN) == [
        "2 left out: patterns, which are not hosts",
        "2 left out: lines of certificate authorities and revoked keys",
        "1 left out: hashed host names, which cannot be read",
    ]
    assert folder.notices(KNOWN + "web9\n")[-1] == (
        "1 left out: lines that are not host names, key type and key; the first is line 10"
    )
    assert folder.notices(f"web1 {KEY}\n[web2]:x {KEY}\n")[-1].endswith('the first is "[web2]:x" in line 2')
    assert folder.notices(f"web1 {KEY}\nweb2,,web3 {KEY}\n")[-1].endswith('the first is "" in line 2')


@pytest.mark.parametrize("name", ["0xcafe", "0x7f000001", "127.1", "2130706433", "web.1", "we$b", "gitlab/prod"])
def test_an_alias_in_known_hosts_costs_no_other_name(folder: Folder, name: str) -> None:
    """`HostKeyAlias` can be any word. A resolver must not get it, as it could look like an address."""
    content = f"web1 {KEY}\n{name},192.0.2.1 {KEY}\n[{name}]:2222 {KEY}\n[web2]:2222 {KEY}\n"
    assert folder.read(content) == [
        ("192.0.2.1", "192.0.2.1", 22),
        ("web1", "web1", 22),
        ("web2:2222", "web2", 2222),
    ]
    reason = f'names that are not host names, such as those of `HostKeyAlias`; the first is "{name}" in line 2'
    assert folder.notices(content) == [f"2 left out: {reason}"]
    assert folder.error(f"\n{name} {KEY}\n") == f": has no target; 1 left out: {reason}"


def test_hashed_known_hosts(folder: Folder) -> None:
    keygen = need_program("ssh-keygen", "openssh-client")
    folder.path.write_text(f"web1,192.0.2.1 {KEY}\n[web2]:2222 {KEY}\n")
    subprocess.run([keygen, "-q", "-H", "-f", folder.path], check=True, capture_output=True)
    content = folder.path.read_text()
    assert folder.error(content) == ": has no target; 3 left out: hashed host names, which cannot be read"
    assert folder.notices(content + f"web4 {KEY}\n") == ["3 left out: hashed host names, which cannot be read"]


# All of them


def test_standard_input(folder: Folder) -> None:
    stream = parse_targets(["web"], inventories=["-"], stdin=io.BytesIO(NMAP.encode()))
    assert stream.total == 4
    assert stream.notices[0].startswith("standard input: 2 left out")
    with pytest.raises(InputError, match="standard input is closed"):
        parse_targets([], inventories=["-"])


def test_inventories_and_words_are_one_set(folder: Folder) -> None:
    folder.path.write_text(NMAP)
    stream = parse_targets(
        ["192.0.2.0/24", "192.0.2.1:2022", "[2001:db8::3]"], inventories=[str(folder.path)] * 2, port=22, seed=1
    )
    assert stream.total == 254 + 1 + 1
    assert stream.count(Exclusions.parse(["192.0.2.1", "2001:db8::/64"])) == 253


@settings(max_examples=300)
@given(
    st.sampled_from([None, *FORMATS]),
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from([NMAP, MASSCAN % "", CONFIG, KNOWN, json.dumps(ANSIBLE)]).flatmap(
            lambda text: st.builds(
                lambda at, what: text.encode()[:at] + what + text.encode()[at + 1 :],
                st.integers(0, len(text)),
                st.binary(max_size=2),
            )
        ),
    ),
)
def test_any_bytes_are_targets_or_one_clear_line(format_: str | None, data: bytes) -> None:
    try:
        stream = parse_targets([], inventories=["-"], inventory_format=format_, stdin=io.BytesIO(data))
    except InputError as error:
        message = str(error)
        assert message.isprintable()
        return
    assert all(notice.isprintable() for notice in stream.notices)
    for target in stream:
        assert target.text.isprintable()
        assert 1 <= target.port <= 65535


def test_the_unspecified_address_is_left_out(folder: Folder) -> None:
    content = "Host blocked\n  HostName 0.0.0.0\nHost web\n  HostName 192.0.2.1\n"
    assert folder.read(content) == [("web", "192.0.2.1", 22)]
    left_out = "1 left out: the unspecified address, which is not a host"
    assert folder.notices(content) == [left_out]
    assert folder.error("saddr\n0.0.0.0\n") == f": has no target; {left_out}"
