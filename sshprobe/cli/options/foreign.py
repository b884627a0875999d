"""Options of other tools that we do not have. Each is an error that names our option, before a file is written.

click reads `-oX FILE` as `-o X` and `-host` as `-h`. Here a word after one dash is an option only if it consists of our
one-letter options, or if one of those has a value that cannot be a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click


class ForeignOption(NamedTuple):
    """Options of other tools that share one answer."""

    tools: str
    options: str
    """Separated by blanks."""
    answer: str


_RECORDS = "`-o FILE.json` or `-o FILE.jsonl` writes records"
_SPEED = "`--rate` and `--concurrency` set the speed, `--fast` is for a wired network"
_LIST = "`--file FILE` reads targets, one a line"
_HOST = "hosts are arguments, as in `sshprobe scan HOST`"
_PORTS = "`--port` names the ports, as in `--port 22,2222`"
_FORMAT = "`--format json` or `--format jsonl` prints records"
_WHOLE = "every probe is a full TCP connection: omit it"
_SOFTWARE = "the software is read from the server's identification: omit it"
_NO_PING = "targets are not pinged first: omit it"
_NAMES = "only names are looked up, by the resolver of this machine: omit it"
_NO_SCRIPTS = "no scripts are run on the hosts found: omit it"
_NO_ATTACK = "no attack is ever sent: omit it"
_RETRIES = "hosts that throttle are retried after `--throttle-wait`: omit it"
_NO_COLOUR = "`--color never` turns colours off"
_QUIET = "`-q` prints errors and what `--format` asks for"
_ADDRESS = "packets follow the routes of this machine: omit it"

_TABLE = (
    ("nmap and masscan", "-oX -oN -oG -oA -oS -oJ -oL -oD -oB -oU", _RECORDS),
    ("nmap and masscan", "-iL --includefile", _LIST),
    ("nmap", "-iR", "only what you name is scanned"),
    ("nmap", "-sS -sT -sU -sA -sW -sM -sN -sF -sX -sI -sY -sZ -sO", _WHOLE),
    ("nmap", "-sV -sC -A -O --version-intensity --version-light --version-all --osscan-guess", _SOFTWARE),
    ("nmap", "-sn -sL -sP", "`--count` prints the number of targets and contacts none"),
    ("nmap", "-Pn -P0 -PN -PS -PA -PU -PY -PE -PP -PM -PO -PR", _NO_PING),
    ("nmap", "-R --system-dns --dns-servers", _NAMES),
    ("nmap", "-T0 -T1 -T2 -T3 -T4 -T5 --min-rate --max-rate --scan-delay --max-scan-delay", _SPEED),
    ("nmap", "--min-parallelism --max-parallelism --min-hostgroup --max-hostgroup", _SPEED),
    ("nmap", "-F --top-ports --port-ratio --exclude-ports -r", _PORTS),
    ("nmap", "--open --reason", "records have the status of every target, and why: omit it"),
    ("nmap", "--script --script-args --script-args-file", _NO_SCRIPTS),
    ("nmap and masscan", "--excludefile", "`--exclude-file FILE` names hosts that are never contacted"),
    ("nmap", "--max-retries", _RETRIES),
    ("nmap", "--max-rtt-timeout --min-rtt-timeout --initial-rtt-timeout", "`--connect-timeout` is in seconds"),
    ("nmap", "-D -S -e -g --source-port --spoof-mac --proxies --ttl --mtu", _ADDRESS),
    ("nmap", "--append-output", "`--resume FILE` resumes a scan"),
    ("nmap", "-V", "`sshprobe --version` prints the version"),
    ("nmap and ssh-audit", "-d -dd -dddd", "`--verbose` shows everything that was seen"),
    ("nmap and ssh-audit", "-n", _NAMES + "; " + _NO_COLOUR),
    ("masscan", "--ports", _PORTS),
    ("masscan", "--banners --wait --adapter-ip --adapter-port --router-mac", "omit it"),
    ("masscan", "--readscan", "`--inventory FILE` reads what `masscan -oJ` wrote"),
    ("ssh-audit", "-T --targets", _LIST),
    ("ssh-audit", "-P --policy", "`--profile ID` or `--profile FILE` names the profile"),
    ("ssh-audit", "-L --list-policies", "`sshprobe profiles list` lists the profiles"),
    ("ssh-audit", "-M --make-policy", "`sshprobe profiles make` makes a profile"),
    ("ssh-audit", "-jj --level", _FORMAT + ", `--verbose` prints more"),
    ("ssh-audit", "-b --batch", _FORMAT),
    ("ssh-audit", "--no-colors --no-color", _NO_COLOUR),
    ("ssh-audit", "-1 -2 --ssh1 --ssh2", "both versions are probed: omit it"),
    ("ssh-audit", "--client-audit", "clients are not audited"),
    ("ssh-audit", "--gex-test", "`--depth full`, the default, probes groups of all sizes"),
    ("ssh-audit", "-m --manual", "`sshprobe scan --help` lists the options"),
    ("ssh-audit", "--dheat --conn-rate-test", _NO_ATTACK),
    ("ssh-audit", "--skip-rate-test", _NO_ATTACK),
    ("ssh-audit", "--lookup", "`sshprobe explain ALGORITHM` explains one"),
    ("ssh-audit", "--get-hardening-guide --list-hardening-guides", "`--fix` prints what to change on each host"),
    ("ssh-audit and httpx", "-t -threads --threads", "`--timeout` is in seconds, `--concurrency` is hosts at once"),
    ("ssh-audit, naabu and httpx", "-l -list --list", _LIST),
    ("ssh-audit, naabu and httpx", "-j -json --json -csv --csv", _FORMAT),
    ("naabu and httpx", "-host --host -u -target --target", _HOST),
    ("naabu and httpx", "-output -oa -output-all", _RECORDS),
    ("naabu", "-port -ports -tp -top-ports -ep -exclude-ports -pf -ports-file", _PORTS),
    ("naabu and httpx", "-eh -exclude-hosts -e -exclude -deny", "`--exclude HOST` is never contacted"),
    ("naabu", "-ef -exclude-file", "`--exclude-file FILE` names hosts that are never contacted"),
    ("naabu and httpx", "-rate -rl -rate-limit --rate-limit -rlm -delay", "`--rate` is hosts started a second"),
    ("naabu and httpx", "-sa -scan-all-ips -pa -probe-all-ips", "`--all-addresses` scans each address of a name"),
    ("naabu", "-iv -ip-version", "`-4` and `-6` choose the addresses of names"),
    ("naabu and httpx", "-timeout", "`--timeout` is in seconds"),
    ("naabu and httpx", "-retries --retries", _RETRIES),
    ("naabu and httpx", "-resume", "`--resume FILE` resumes the scan in FILE"),
    ("naabu and httpx", "-stats -si -stats-interval", "`--stats SECONDS` prints a line of progress"),
    ("naabu and httpx", "-silent --silent", _QUIET),
    ("naabu and httpx", "-nc -no-color", _NO_COLOUR),
    ("naabu and httpx", "-verbose -debug", "`--verbose` shows everything that was seen"),
    ("naabu and httpx", "-version", "`sshprobe --version` prints the version"),
    ("naabu", "-ping -verify -passive -wn -with-host-discovery -sn -stream -s -scan-type", "omit it"),
    ("naabu", "-nmap -nmap-cli", _NO_SCRIPTS),
    ("naabu and httpx", "-r -resolvers", _NAMES),
    ("naabu and httpx", "-i -interface -proxy -http-proxy -source-ip", _ADDRESS),
    ("naabu and httpx", "-up -update -duc -disable-update-check", "pip updates sshprobe: omit it"),
    ("httpx", "-sc -status-code -td -tech-detect -title -server -web-server -ip -cname -probe -cdn", _SOFTWARE),
    ("httpx", "-fr -follow-redirects -fc -mc -path -x -H -header -http2 -tls-probe", "there is no HTTP: omit it"),
)

FOREIGN_OPTIONS = [ForeignOption(*row) for row in _TABLE]

_GLUED_NUMBERS = frozenset({"p", "c"})
"""Options of one letter whose value is a number: `-p22` is as good as `-p 22`."""

_OUTPUT_LETTERS = frozenset("XNGASJLDBU")
"""In other tools `-oX` and so on choose a format. Here `-oXfile.xml` would write `Xfile.xml`."""


def refuse_foreign_options(command: click.Command, arguments: Sequence[str]) -> None:
    """Raise `click.UsageError` for an option of another tool among the arguments of `command`."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    valued = {name: not (option.is_flag or option.count) for option in options for name in option.opts}
    valued |= {name: False for option in options for name in option.secondary_opts}
    valued |= {"-h": False, "--help": False}
    for word in _options_among(arguments, valued):
        name = word.partition("=")[0]
        if name not in valued:
            answers = [
                (foreign.tools, foreign.answer) for foreign in FOREIGN_OPTIONS if name in foreign.options.split()
            ]
            if answers:
                words = "; ".join(f"of {tools}: {answer}" for tools, answer in answers)
                raise click.UsageError(f"`{name}` is an option {words}")
        if not word.startswith("--") and not _is_ours(word[1:], valued):
            raise click.UsageError(_words_for(word, command, valued))


def _options_among(arguments: Iterable[str], valued: dict[str, bool]) -> Iterator[str]:
    """Yield the words that are options, without the values of our options."""
    words = iter(arguments)
    for word in words:
        if word == "--":
            return
        if not word.startswith("-") or word == "-":
            continue
        yield word
        if valued.get(word) or (
            not word.startswith("--") and valued.get(f"-{word[-1]}") and _is_ours(word[1:], valued)
        ):
            next(words, None)


def _is_ours(letters: str, valued: dict[str, bool]) -> bool:
    """Return whether text after one dash consists of our one-letter options, the last perhaps with a value."""
    for index, letter in enumerate(letters):
        takes_value = valued.get(f"-{letter}")
        if takes_value is None or (letter == "h" and len(letters) > 1):
            return False
        if takes_value:
            value = letters[index + 1 :]
            if letter in _GLUED_NUMBERS or not value:
                return not value or value[0].isdigit() or value == "-"
            if value[0] == "=" or (letter == "o" and value[0] in _OUTPUT_LETTERS):
                return False
            return any(mark in value for mark in "./~")
    return True


def _words_for(word: str, command: click.Command, valued: dict[str, bool]) -> str:
    name = word.lstrip("-")
    if f"--{name.partition('=')[0]}" in valued:
        return f"`{word}` is not an option: long ones have two dashes, `--{name}`"
    if len(name) > 1 and valued.get(f"-{name[0]}"):
        apart = f"`-{name[0]} {name[1:].removeprefix('=')}`"
        return f"`{word}` is not an option: if it has a value, write that apart, {apart}"
    return f"`{word}` is not an option: see `sshprobe {command.name} --help`"


# -- words in place of targets ---------------------------------------------------------------------------------------

_LISTS = frozenset({".txt", ".lst", ".list", ".hosts", ".targets", ".ips", ".log", ".cfg", ".conf"})
_INVENTORIES = frozenset(
    {".xml", ".gnmap", ".nmap", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".yml", ".yaml", ".ini"}
)
_DATABASES = frozenset({".db", ".sqlite", ".sqlite3"})
_PROFILE = ".toml"
_NAMES_OF_INVENTORIES = frozenset({"known_hosts", "config", "inventory"})
_RECORDS_BEGIN = re.compile(rb'\s*\{\s*"(type"\s*:\s*"(sweep|host|silent|summary)"|sweep"\s*:)')
"""The first bytes of records, as lines or as one document."""
_SQLITE = b"SQLite format 3\0"
_BACKUP = "~"
"""The end of the names of older files, as in `x.jsonl~` and `x.jsonl.interrupted~`."""


_PORTS_ALONE = re.compile(r"\d{1,5}([-,]\d{1,5})+")


def refuse_words(targets: Sequence[str]) -> None:
    """Raise `click.UsageError` for a target that is a file here, or a port after a host."""
    for index, word in enumerate(targets):
        if word.isascii() and word.isdigit() and len(word) <= 5 and 1 <= int(word) <= 65535:
            before = targets[index - 1] if index else "HOST"
            if before.isdigit() or "/" in before:
                before = "HOST"
            host = f"[{before}]" if before.count(":") > 1 and not before.startswith("[") else before
            meant = f"`{host}:{word}`" if ":" not in before or host != before else "`HOST:PORT`"
            raise click.UsageError(f"`{word}` is a port and not a host: write {meant}, or `--port {word}` for all")
        if _PORTS_ALONE.fullmatch(word) and all(1 <= int(each) <= 65535 for each in re.split("[-,]", word)):
            raise click.UsageError(f"`{word}` are ports and not a host: write `--port {word}`")
        answer = _answer_for(word)
        if answer is not None:
            raise click.UsageError(f"`{word}` is a file here: {answer}")


def _answer_for(word: str) -> str | None:
    """Return how to use a file that was given as a target, if it exists and its name does not look like a host."""
    from sshprobe.compression import codec_of_name

    bare = word.removesuffix(_BACKUP).removesuffix(".interrupted")
    is_compressed = codec_of_name(bare) is not None
    suffix, name = Path(bare).suffix.lower(), Path(bare).name
    is_inventory = is_compressed or suffix in _INVENTORIES or name in _NAMES_OF_INVENTORIES
    looks_so = (
        is_inventory
        or suffix in _LISTS
        or suffix in _DATABASES
        or suffix == _PROFILE
        or bare != word
        or name in ("hosts", "targets")
        or word.startswith(("/", "./", "../", "~"))
    )
    try:
        if not looks_so or not Path(word).is_file():
            return None
        head = _head_of(word)
    except (OSError, ValueError):
        return None
    if _RECORDS_BEGIN.match(head):
        return f"`--from-records {word}` reads the targets in it"
    if head.startswith(_SQLITE):
        return f"`sshprobe history list --history {word}` lists the scans in it"
    if suffix == _PROFILE:
        return f"`--profile {word}` grades by it"
    if suffix in _DATABASES:
        return None
    return f"`{'--inventory' if is_inventory else '-f'} {word}` reads the targets in it"


def _head_of(name: str) -> bytes:
    """Return the first bytes of a file, decompressed; empty if its compressed data is damaged. Raises `OSError`."""
    from sshprobe.compression import Decompressed, plain

    with Path(name).open("rb") as stream:
        content = plain(stream)
        try:
            return content.read(4096)
        except OSError:
            if not isinstance(content, Decompressed):
                raise
            return b""
