"""The files of an OpenSSH client: its configuration (ssh_config(5)) and `known_hosts` (sshd(8))."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator, Sequence

from sshprobe.errors import InputError
from sshprobe.targets.inventories.json_values import BEHIND_JUMP
from sshprobe.targets.inventories.source import Source
from sshprobe.targets.specification import Spec, host_specification, quote

PATTERNS = "patterns, which name no host"
HASHED = "hashed host names, which cannot be read"
NO_HOST = "names that are none of a host, as `HostKeyAlias` makes; the first is"
REVOKED = "lines of certificate authorities and revoked keys"
INCLUDE = "`Include`, which is not followed: name those files too"
MATCH = "`Match` blocks that ask for more than the host (`exec` is never run): their settings are not used"

_SETTING = re.compile(r"(\w+)(?:\s*=\s*|\s+)(\S.*)")
_CONFIG_LINE = re.compile(r"(host|match|include)(\s*=\s*|\s+)\S", re.IGNORECASE)
_READ = frozenset({"host", "match", "hostname", "port", "proxyjump", "proxycommand"})
"""The only keywords that paramiko gets to see: others (CanonicalizeHostname, %l in ControlPath) make it ask the DNS."""

_ON_HOST = frozenset({"host", "originalhost", "localuser"})
_ALONE = frozenset({"all", "canonical", "final"})
"""Criteria of `Match` that are evaluated, those with and those without an argument. paramiko runs the command of `exec`
and takes any criterion that it does not know as met, so it gets to see no other."""

_NOTHING = "Host !*"

_KEY_TYPE = re.compile(r"(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)\S+|\d+")
"""The second field of a line; a number is the size of an SSH-1 key."""


def is_config(lines: Sequence[str]) -> bool:
    """Say whether these are lines of an ssh_config."""
    return any(_CONFIG_LINE.match(line) for line in lines)


def read_config(source: Source) -> Iterator[Spec]:
    """Yield the hosts of an ssh_config that are no pattern, with the HostName and Port that `ssh` would use.

    A host behind ProxyJump or ProxyCommand is left out: from here, its address could be another machine's.
    """
    from paramiko import ConfigParseError, SSHConfig

    kept: list[str] = []
    names: dict[str, int] = {}
    for number, line in source.lines():
        setting = _SETTING.fullmatch(line)
        if setting is None:
            raise source.error("is no setting of an ssh_config", number)
        keyword, value = setting[1].lower(), setting[2]
        if keyword == "include":
            source.left_out[INCLUDE] += 1
        if keyword not in _READ:
            continue
        try:
            if keyword == "match":
                line = _match_on_host(value)
                if line == _NOTHING:
                    source.left_out[MATCH] += 1
            SSHConfig().parse(io.StringIO(line))
            words = shlex.split(value) if keyword == "host" else []
        except (ConfigParseError, ValueError):
            raise source.error(f"is no `{setting[1]}` that can be read", number) from None
        if keyword == "port":
            source.host("port", value.strip('"'), line=number)
        for word in words:
            if any(character in word for character in "*?!"):
                source.left_out[PATTERNS] += 1
            else:
                names.setdefault(word, number)
        kept.append(line)
    config = SSHConfig.from_text("\n".join(kept))
    for name, number in names.items():
        try:
            settings = config.lookup(name)
        except Exception as error:  # paramiko raises what it meets: getpass, sockets, its own
            raise source.error(f"cannot be looked up: {type(error).__name__}", number) from None
        if any(str(settings.get(each) or "none").lower() != "none" for each in ("proxyjump", "proxycommand")):
            source.left_out[BEHIND_JUMP] += 1
        else:
            yield source.host(settings["hostname"], settings.get("port"), text=name, line=number)


def _match_on_host(criteria: str) -> str:
    """Return a `Match` line for paramiko, or one that matches nothing if it asks for more than the host.

    Raises:
        ValueError: an argument is missing, or a quote.
    """
    words = iter(shlex.split(criteria))
    kept: list[str] = []
    for word in words:
        criterion = word.lower()  # paramiko knows them in lower case only
        kept.append(criterion)
        if criterion.removeprefix("!") in _ALONE:
            continue
        if criterion.removeprefix("!") not in _ON_HOST:
            return _NOTHING
        argument = next(words, None)
        if argument is None:
            raise ValueError(criterion)
        kept.append(argument)
    return f"Match {shlex.join(kept)}"


def is_known_hosts(lines: Sequence[str]) -> bool:
    """Say whether these are lines of a known_hosts file."""
    first = next((line for line in lines if line and not line.startswith("#")), "")
    words = first.split()
    if words and words[0].startswith("@"):
        words = words[1:]
    return len(words) >= 3 and _KEY_TYPE.fullmatch(words[1]) is not None


def read_known_hosts(source: Source) -> Iterator[Spec]:
    """Yield the hosts of a known_hosts file whose names are in clear.

    ssh writes there what its user calls a host: an alias may be any word, or one that a resolver takes for an address.
    """
    no_host = ""
    for number, line in source.lines():
        words = line.split()
        if words[0] in ("@cert-authority", "@revoked"):
            source.left_out[REVOKED] += 1
            continue
        if len(words) < 3 or not _KEY_TYPE.fullmatch(words[1]):
            raise source.error("is no line of a known_hosts file: host names, key type, key", number)
        if words[0].startswith("|"):
            source.left_out[HASHED] += 1
            continue
        for name in words[0].split(","):
            if any(character in name for character in "*?!"):
                source.left_out[PATTERNS] += 1
                continue
            host, port = name, ""
            if name.startswith("["):  # brackets here are for any host with a port: "[web1]:2222"
                host, _, port = name[1:].partition("]")
            if host and not _can_be_asked(host):
                no_host = no_host or f"{NO_HOST} {quote(host)} in line {number}"
                source.left_out[no_host] += 1
            else:
                yield source.host(host, port.removeprefix(":") or None, line=number)


def _can_be_asked(host: str) -> bool:
    try:
        host_specification(host)
    except InputError:
        return False
    return True
