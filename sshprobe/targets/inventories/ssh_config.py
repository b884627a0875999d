"""An ssh_config (ssh_config(5)) as targets: the destination of `ssh NAME` for each name of a `Host` line.

All names are evaluated together, block by block, so that thousands of blocks take seconds. No program is run and no
name is resolved; a host whose address depends on that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.platform.system import user_name
from sshprobe.targets.inventories.patterns import Names, TooManyComparisons, in_pattern_list, is_pattern
from sshprobe.targets.inventories.source import BEHIND_JUMP, Source, can_be_host
from sshprobe.targets.inventories.ssh_config_lines import Setting, read_settings, split_criteria
from sshprobe.targets.specification import quote
from sshprobe.targets.specs import Spec

PATTERNS = "patterns, which are not hosts"
NO_HOST = "names that are not of a host; the first is"
INCLUDE = "`Include`, which is not followed: name those files too"
MATCH = "`Match` blocks that ask for more than the host (`exec` is never run): their settings are not used"
CANONICAL = "names that `CanonicalizeHostname` completes by asking the DNS: write them in full"

_MOST_COMPARISONS = 20_000_000
_LONGEST_NAME = 1024

_PROXY = frozenset({"proxyjump", "proxycommand"})
"""The first of the two counts."""
_READ = _PROXY | {"hostname", "port", "user", "canonicalizehostname", "canonicaldomains", "canonicalizemaxdots"}
"""The keywords that decide which address is contacted."""

_ON_HOST = frozenset({"host", "originalhost", "user", "localuser"})
_ON_MORE = frozenset({"exec", "localnetwork", "tagged", "version", "sessiontype", "command"})
"""Criteria of `Match` with an argument, up to OpenSSH 10.3: evaluated here, and not evaluated."""

_TOKEN = re.compile(r"%(.?)", re.DOTALL)


class _Block(msgspec.Struct):
    """Settings below one `Host` or `Match`, or before the first one."""

    patterns: list[str] | None
    """Of `Host`."""
    criteria: list[tuple[str, str, bool]] | None
    """Of `Match`: criterion, argument, and whether it is negated. None: it is not evaluated and never matches."""
    settings: list[tuple[str, Setting]] = []


class _Host(msgspec.Struct):
    """The settings of one name by keyword. The first value counts."""

    name: str
    line: int
    settings: dict[str, Setting] = {}
    address: str | None = None
    """The name to connect to: `HostName` with %h expanded. None: it has other tokens."""


def read_config(source: Source) -> Iterator[Spec]:
    """Yield the hosts of an ssh_config that are not patterns, with the HostName and Port that `ssh` would use.

    A host behind ProxyJump or ProxyCommand is left out: here, its address may belong to another machine.

    Raises:
        InputError: if `ssh` could not read it either, or it has too many patterns.
    """
    blocks = [_Block(["*"], None)]
    hosts: dict[str, _Host] = {}
    final = False
    for setting in read_settings(source):
        if setting.keyword == "include":
            source.left_out[INCLUDE] += 1
        elif setting.keyword == "host":
            blocks.append(_Block(setting.arguments, None))
            _add_names(source, setting, hosts)
        elif setting.keyword == "match":
            criteria, asks_final = _criteria(source, setting)
            final = final or asks_final
            blocks.append(_Block(None, criteria))
        elif setting.keyword in _READ:
            if setting.keyword == "port":
                source.host("port", setting.arguments[0], line=setting.line)
            blocks[-1].settings.append(("proxy" if setting.keyword in _PROXY else setting.keyword, setting))
    try:
        _decide(list(hosts.values()), [block for block in blocks if block.settings], final=final)
    except TooManyComparisons:
        raise source.error(f"has too many patterns for its {len(hosts):,} hosts: split it") from None
    yield from _targets(source, hosts.values())


def _add_names(source: Source, setting: Setting, hosts: dict[str, _Host]) -> None:
    for name in setting.arguments:
        if name.startswith("!") or is_pattern(name):
            source.left_out[PATTERNS] += 1
        elif len(name) <= _LONGEST_NAME:
            hosts.setdefault(name, _Host(name, setting.line))
        else:
            source.leave_out(NO_HOST, f"{quote(name)} in line {setting.line}")


def _criteria(source: Source, setting: Setting) -> tuple[list[tuple[str, str, bool]] | None, bool]:
    """Return the criteria of a `Match` (see `_Block`), and whether it asks for a second pass.

    Raises:
        InputError: if ssh would end with an error.
    """

    def error(words: str) -> InputError:
        return source.error(f"`match` {words}", setting.line)

    try:
        words = split_criteria(setting.rest)
    except ValueError:
        raise error("has a quote that does not end") from None
    kept: list[tuple[str, str, bool]] = []
    asks_final = asks_more = False
    position = 0
    while position < len(words) and not words[position].startswith("#"):
        negated = words[position].startswith("!")
        criterion = words[position].removeprefix("!").lower()
        position += 1
        following = words[position] if position < len(words) and not words[position].startswith("#") else None
        if criterion == "all":
            if following is not None or len(kept) > 1 or asks_more:
                raise error("has criteria beside `all`: ssh ends here too")
            kept.append(("all", "", negated))
            break
        if criterion in ("canonical", "final"):
            asks_final = asks_final or criterion == "final"
            kept.append(("final", "", negated))
            continue
        if criterion not in _ON_HOST and criterion not in _ON_MORE:
            raise error(f"has a criterion that is not known, {quote(criterion)}: ssh ends here too")
        if following is None:
            raise error(f"has no argument for `{criterion}`")
        position += 1
        if criterion in _ON_MORE:
            asks_more = True
        else:
            kept.append((criterion, following, negated))
    if not kept and not asks_more:
        raise error("has no criteria: ssh ends here too")
    if asks_more:
        source.left_out[MATCH] += 1
    return None if asks_more else kept, asks_final


def _decide(hosts: list[_Host], blocks: list[_Block], *, final: bool) -> None:
    """Fill the settings and the address of each host as ssh.c does, in a second pass if the first one asks for it."""
    names = Names([host.name for host in hosts], most=_MOST_COMPARISONS)
    _pass(hosts, blocks, names.matching, again=False)
    again = []
    for host in hosts:
        host.address = _address(host)
        canonical = host.settings.get("canonicalizehostname")
        if host.address is not None and (final or (canonical is not None and canonical.arguments[0].lower() != "no")):
            again.append(host)
    if again:
        # In the second pass, `Host` is compared with the address.
        found = Names([str(host.address).lower() for host in again], most=_MOST_COMPARISONS)
        _pass(again, blocks, found.matching, again=True)


def _pass(hosts: list[_Host], blocks: list[_Block], matching: Callable[[str], Iterable[int]], *, again: bool) -> None:
    left = _MOST_COMPARISONS
    for block in blocks:
        numbers: Iterable[int]
        if block.patterns is not None:
            numbers = _in_block(block.patterns, matching)
        elif block.criteria is None:
            continue
        else:
            left -= 4 * len(hosts) * sum(argument.count(",") + 1 for _, argument, _ in block.criteria)
            if left < 0:
                raise TooManyComparisons
            numbers = [number for number, host in enumerate(hosts) if _holds(block.criteria, host, again=again)]
        for number in numbers:
            settings = hosts[number].settings
            left -= len(block.settings)
            for keyword, setting in block.settings:
                settings.setdefault(keyword, setting)
        if left < 0:
            raise TooManyComparisons


def _in_block(patterns: list[str], matching: Callable[[str], Iterable[int]]) -> set[int]:
    """Return the numbers of names that a `Host` line matches: at least one pattern, and no pattern after "!"."""
    found: set[int] = set()
    refused: set[int] = set()
    for pattern in patterns:
        (refused if pattern.startswith("!") else found).update(matching(pattern.removeprefix("!")))
    return found - refused


def _holds(criteria: list[tuple[str, str, bool]], host: _Host, *, again: bool) -> bool:
    for criterion, argument, negated in criteria:
        if criterion == "all":
            holds = True
        elif criterion == "final":
            holds = again
        elif criterion == "localuser":
            holds = in_pattern_list(user_name(), argument)
        elif criterion == "user":
            user = host.settings.get("user")
            holds = in_pattern_list(user_name() if user is None else user.arguments[0], argument)
        else:
            name = host.name
            if criterion == "host":
                name = (host.address if again else _address(host)) or ""
            holds = in_pattern_list(name.lower(), argument.lower())
        if holds == negated:
            return False
    return True


def _address(host: _Host) -> str | None:
    """Return `HostName` with its only token, %h, expanded, or the name; None if it has other tokens."""
    setting = host.settings.get("hostname")
    if setting is None:
        return host.name
    text = setting.arguments[0]
    if "%" not in text:
        return text
    tokens = {"%": "%", "h": host.name}
    if any(token not in tokens for token in _TOKEN.findall(text)):
        return None
    return _TOKEN.sub(lambda token: tokens[token[1]], text)


def _targets(source: Source, hosts: Iterable[_Host]) -> Iterator[Spec]:
    for host in hosts:
        proxy = host.settings.get("proxy")
        name = host.settings.get("hostname")
        line = host.line if name is None else name.line
        port = host.settings.get("port")
        if proxy is not None and proxy.rest.lower() != "none":
            source.left_out[BEHIND_JUMP] += 1
        elif host.address is not None and _is_completed(host):
            source.left_out[CANONICAL] += 1
        elif host.address is None or not can_be_host(host.address):
            text = host.name if name is None else name.arguments[0]
            source.leave_out(NO_HOST, f"{quote(text)} in line {line}")
        else:
            yield source.host(host.address, None if port is None else port.arguments[0], text=host.name, line=line)


def _is_completed(host: _Host) -> bool:
    """Whether ssh would try the name under `CanonicalDomains`."""
    canonical, domains = host.settings.get("canonicalizehostname"), host.settings.get("canonicaldomains")
    if canonical is None or domains is None or canonical.arguments[0].lower() == "no":
        return False
    limit = host.settings.get("canonicalizemaxdots")
    dots = int(limit.arguments[0]) if limit is not None and re.fullmatch(r"\d{1,4}", limit.arguments[0]) else 1
    address = str(host.address)
    return domains.arguments[0].lower() != "none" and ":" not in address and address.count(".") <= dots
