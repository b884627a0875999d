"""An ssh_config is read like `ssh -G` of the installed OpenSSH reads it."""

import os
import pwd
import random
import subprocess
from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.targets import TargetStream, parse_targets
from sshprobe.targets.inventories.patterns import Names, TooManyComparisons, in_pattern_list, matches
from sshprobe.targets.inventories.ssh_config_lines import split_arguments
from tests.installed import need_program


def stream(tmp_path: Path, text: str, format_: str | None = "ssh-config") -> TargetStream:
    (tmp_path / "config").write_text(text)
    return parse_targets([], inventories=[str(tmp_path / "config")], inventory_format=format_)


def read(tmp_path: Path, text: str, format_: str | None = "ssh-config") -> dict[str, tuple[str, int]]:
    return {target.text: (target.host, target.port) for target in stream(tmp_path, text, format_)}


def of_ssh(tmp_path: Path, text: str, name: str) -> tuple[str, int] | None:
    """Return host and port by ssh, or None if it ends with an error."""
    ssh = need_program("ssh", "openssh-client")
    (tmp_path / "config").write_text(text)
    run = subprocess.run([ssh, "-F", tmp_path / "config", "-G", name], capture_output=True, text=True, check=False)
    if run.returncode:
        return None
    settings = dict(line.split(" ", 1) for line in run.stdout.splitlines() if " " in line)
    return settings["hostname"], int(settings["port"])


READ = [
    # comments behind a value, also without a blank before them
    "Host web1    # the front end\n  HostName 192.0.2.1  # its address\n  Port 2222 # main\n",
    "Host web1 #x web2\n  HostName 192.0.2.1#x\n  Port 2222\n".replace("192.0.2.1#x", "192.0.2.1 #x"),
    "Host web1\n  HostName=192.0.2.1\n  Port = 2222\nHost=web2\nPort=2223\n",
    'Host "web1" web2\n  HostName "192.0.2.1"\n  Port "2222"\n',
    "Host 'web1'\n  HostName '192.0.2.1'\n",
    '"Host" web1\n  "HostName" 192.0.2.1\n',
    "\t HOST web1\n\t HOSTNAME 192.0.2.1\t\r\n",
    # the first value counts
    "Host web1\n  Port 2222\n  Port 2223\nHost web1\n  Port 2224\n  HostName 192.0.2.1\n",
    "Port 2222\nHost web1\n  Port 2223\n",
    # patterns and their negation
    "Host web1 web2\n  HostName %h.example.org\nHost *.example.org !web1\n  Port 2222\nHost web*\n  Port 2223\n",
    "Host web1 web2 db1\n  User x\nHost !web1 *\n  Port 2222\n",
    "Host web1 web2 db1\n  User x\nHost * !web1\n  Port 2222\n",
    "Host web1 web22 WEB3\n  User x\nHost web?\n  Port 2222\nHost web??\n  Port 2223\nHost web3\n  Port 2224\n",
    "Host web1\n  User x\nHost !web1\n  Port 2222\n",
    "Host a.b axb\n  User x\nHost a.b\n  Port 2222\nHost a[x]b\n  Port 2223\n",
    # tokens
    "Host web1\n  HostName a-%h-%h.example.org\n",
    "Host web1\n  HostName a%%b\n".replace("a%%b", "%h"),
    # Match
    "Host web1 web2\n  HostName 192.0.2.1\nMatch host 192.0.2.1 originalhost web2\n  Port 2222\n",
    "Host web1 web2\n  HostName %h.lab\nMatch host *.lab,!web2.lab\n  Port 2222\nMatch !host web1.lab\n  Port 2223\n",
    "Match originalhost WEB1\n  Port 2222\nHost web1 Web1\n  User x\n",
    "Match host=web1\n  Port 2222\nHost web1\n  User x\n",
    "Host web1\n  User git\nMatch user git\n  Port 2222\nHost web2\n  Port 23\nMatch !user g*\n  HostName x\n",
    f"Match localuser {pwd.getpwuid(os.getuid()).pw_name}\n  Port 2222\nHost web1\n  User x\n",
    "Match user nobody-here\n  Port 2222\nHost web1\n  HostName y\n",
    "Match all # of all\n  Port 2222\nHost web1\n  User x\n",
    "Host web1\n  User x\nMatch !all\n  Port 2222\n",
    'Match host nobody exec "exit 0"\n  Port 2222\nHost web1\n  User x\n',
    # a second pass, in which Host is compared with the found name
    "Host web1\n  HostName web1.lab\nHost *.lab\n  Port 2222\nMatch final\n  User x\n",
    "Host web1\n  HostName web1.lab\nMatch final host web1.lab\n  Port 2222\n",
    "Host web1\n  HostName web1.lab\nMatch canonical\n  Port 2222\n",
    "Host web1\n  HostName web1.lab\nMatch final all\n  Port 2222\nMatch !final\n  Port 2223\n",
    "Host web1\n  HostName web1.lab\nCanonicalizeHostname no\nHost *.lab\n  Port 2222\n",
    # an unknown keyword in IgnoreUnknown
    "IgnoreUnknown UseSomething,Other*\nUseSomething yes\nHost web1\n  OtherThing a b c\n  Port 2222\n",
    # settings with several arguments, and with the rest of the line
    'Host web1\n  SendEnv A B\n  RemoteCommand echo "a" # b\n  LocalForward 1 b:2\n  Port 2222\n',
    "Host web1\n  Protocol 2,1\n  Port 2222\n",
]


@pytest.mark.parametrize("text", READ)
def test_ssh_agrees_with_the_reading(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert found
    assert found == {name: of_ssh(tmp_path, text, name) for name in found}


NAMES = ["web1", "web2", "db1", "a.b", "Web3"]
PATTERNS = ["web*", "*1", "?eb1", "*.lab", "*", "w*b*", "!web1", "!*2", '"web1"']
LINES = [
    *("HostName 10.0.0.1", "HostName=%h.lab", "HostName web1.lab", "HostName WEB2.Lab # c", 'HostName "db1"'),
    *("Port 22", "Port 23 # c", "Port = 24", "User a b", "User me", "Bogus x", "Port", "# c"),
]


@pytest.mark.parametrize("seed", range(8))
def test_random_configs_mean_what_they_mean_to_ssh(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    def block() -> list[str]:
        if chance.random() < 0.7:
            head = f"Host {' '.join(chance.choices(NAMES + PATTERNS, k=3))}"
        else:
            criterion = chance.choice(["host", "originalhost", "!host", "!originalhost", "final host"])
            head = f"Match {criterion} {chance.choice(['web1', 'web*,!web2', '*.lab', 'db1,web1'])}"
        return [head, *(f"  {line}" for line in chance.choices(LINES, k=2))]

    for _ in range(8):
        text = "".join(f"{line}\n" for _ in range(4) for line in block())
        text = chance.choice(["", "IgnoreUnknown Bo*\n"]) + text
        refused = ""
        try:
            found = read(tmp_path, text)
        except InputError as error:
            refused = str(error)
        if "has no target" in refused:
            continue
        if refused:
            assert of_ssh(tmp_path, text, "web1") is None, text
        else:
            assert found == {name: of_ssh(tmp_path, text, name) for name in found}, text


REFUSED = [
    ('Host web1\n  RemoteCommand echo "a\n', ":2: `remotecommand` has a quote that does not end"),
    ("Host web1\n  UseSomething yes\n", ':2: "usesomething" is not a keyword of ssh_config: ssh ends here too, unless'),
    ("Host web1\n  Port 22\nIgnoreUnknown X\n  Y z\n", ':4: "y" is not a keyword'),
    ("Host web1\n  HostName 192.0.2.1 192.0.2.2\n", ':2: `hostname` has an extra argument, "192.0.2.2"'),
    ("Host web1\n  Port 22 23\n", ':2: `port` has an extra argument, "23"'),
    ("Host web1\n  Port\n", ":2: `port` has no argument"),
    ("Host web1\n  Port # 22\n", ":2: `port` has no argument"),
    ("Host web1\n  Port 0\n", ':2: "0" is not a port'),
    ('Host "web1\n  Port 22\n', ":1: `host` has a quote that does not end"),
    ('Host web1 ""\n  Port 22\n', ":1: `host` has an empty argument"),
    ("Host web1\n  HostName %x\n", ': has no target; 1 left out: names that are not of a host; the first is "%x"'),
    ("Host web1\nMatch all host web1\n  Port 22\n", ":2: `match` has criteria beside `all`"),
    ("Host web1\nMatch weekday sunday\n  Port 22\n", ':2: `match` has a criterion that is not known, "weekday"'),
    ("Host web1\nMatch host # x\n  Port 22\n", ":2: `match` has no argument for `host`"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_ssh_rejects_what_this_rejects(tmp_path: Path, text: str, message: str) -> None:
    assert of_ssh(tmp_path, text, "web1") is None
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert str(caught.value).removeprefix(str(tmp_path / "config")).startswith(message)


def test_keywords_of_ssh_are_known(tmp_path: Path) -> None:
    ssh = need_program("ssh", "openssh-client")
    run = subprocess.run([ssh, "-F", "none", "-G", "web1"], capture_output=True, text=True, check=True)
    keywords = sorted({line.split(" ")[0] for line in run.stdout.splitlines()})
    assert len(keywords) > 60
    settings = "".join(f"  {keyword} 1\n" for keyword in keywords if not keyword.startswith(("host", "canonical")))
    assert read(tmp_path, f"Host web1\n{settings}") == {"web1": ("web1", 1)}


@pytest.mark.parametrize(
    "text",
    [
        "Host is up.\nHost seems down.\n",
        "Host web1 is the front end\n",
        "Users of this list:\nHost web1\nHost web2\nnote that web3 is gone\nand so is web4\n",
        "Some words on it\nHost web1\nUser me\nmore words\nand more\n",
    ],
)
def test_words_about_hosts_are_not_an_ssh_config(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"holds white space|has no settings of an ssh_config"):
        read(tmp_path, text, None)


def test_names_that_the_dns_would_complete_are_left_out(tmp_path: Path) -> None:
    text = "CanonicalizeHostname yes\nCanonicalDomains example.org\nHost web1 web2.lab a.b.c\n  User x\n"
    found = stream(tmp_path, text)
    assert [target.host for target in found] == ["a.b.c"]
    assert found.notices[0].endswith(
        "2 left out: names that `CanonicalizeHostname` completes by asking the DNS: write them in full"
    )


def test_a_match_with_more_criteria_than_the_host_is_not_used(tmp_path: Path) -> None:
    text = f'Match exec "touch {tmp_path}/ran"\n  Port 2222\nMatch tagged x user y\n  Port 2223\nHost web1\n  User x\n'
    found = stream(tmp_path, text)
    assert [(target.host, target.port) for target in found] == [("web1", 22)]
    assert "2 left out: `Match` blocks that ask for more than the host" in found.notices[0]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("first", ["ProxyCommand none", "ProxyJump none"])
@pytest.mark.parametrize("second", ["ProxyCommand nc %h %p", "ProxyJump jump"])
def test_the_first_proxy_wins(tmp_path: Path, first: str, second: str) -> None:
    assert read(tmp_path, f"Host web1\n  {first}\n  {second}\n") == {"web1": ("web1", 22)}
    with pytest.raises(InputError, match="reached through another host"):
        read(tmp_path, f"Host web1\n  {second}\n  {first}\n")


def test_many_blocks_and_many_names_cost_comparisons_in_proportion(tmp_path: Path) -> None:
    blocks = "".join(f"Host h{n} *.d{n}\n  HostName 10.0.{n >> 8}.{n & 255}\n  Port 2222\n" for n in range(1, 5001))
    assert stream(tmp_path, blocks + "Host *\n  Port 23\n").total == 5000
    line = f"Host {' '.join(f'h{n}' for n in range(10_000))}\n  HostName %h.example.org\n  Port 24\n"
    found = read(tmp_path, line)
    assert len(found) == 10_000
    assert found["h7"] == ("h7.example.org", 24)
    # Patterns found by their beginning or end are not compared with all others.
    names = Names([f"h{n}" for n in range(5000)], most=1000)
    assert [list(names.matching(f"h{n}*")) for n in (4321, 9)] == [[4321], names.matching("h9*")]
    assert list(names.matching("h4999")) == [4999]
    assert list(names.matching("*4998")) == [4998]
    with pytest.raises(TooManyComparisons):
        names.matching("*99*")


def test_too_many_patterns_are_one_line(tmp_path: Path) -> None:
    text = "".join(f"Host h{n} *x{n}*\n  Port 22\n" for n in range(5000))
    with pytest.raises(InputError, match="has too many patterns for its 5,000 hosts: split it"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "", True),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("*a*b*", "xaybz", True),
        ("*ab*ab", "ab", False),
        ("*ab*ab", "abab", True),
        ("?", "", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*?b", "b", False),
        ("*?b", "ab", True),
        ("a.c", "abc", False),
        ("*a" * 400 + "b", "a" * 1000, False),
        ("*?" * 2000, "a" * 9, False),  # too long to be used
    ],
)
def test_patterns(pattern: str, name: str, expected: bool) -> None:
    assert matches(name, pattern) is expected


def test_lists_of_patterns() -> None:
    assert in_pattern_list("web1", "db*,web*")
    assert not in_pattern_list("web1", "web*,!web1")
    assert not in_pattern_list("web1", "!db1")


def test_arguments_are_split_as_ssh_does() -> None:
    assert split_arguments(r'a "b c" \"d e\ f "g\"h" i#j #k') == ["a", "b c", '"d', "e f", 'g"h', "i#j"]
    assert split_arguments(r"'a b' c\d") == ["a b", r"c\d"]
    assert split_arguments("a\tb  c #d") == ["a", "b", "c"]
    with pytest.raises(ValueError, match="quote"):
        split_arguments("a 'b")
