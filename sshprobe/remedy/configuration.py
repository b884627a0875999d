"""A profile as lines of OpenSSH's configuration, with only the names and keywords that a release knows.

The names of a release are from the catalogue, the keywords from the release notes, sshd_config(5) and ssh_config(5).
"""

from __future__ import annotations

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, in_openssh, lookup
from sshprobe.algorithms.openssh import NEWEST, OLDEST
from sshprobe.grading.offers import WORDS
from sshprobe.grading.strength import GROUP_EXCHANGE_FAMILIES
from sshprobe.model.errors import InputError
from sshprobe.profiles import Deadline, Profile
from sshprobe.profiles.sections import HostKeyRule
from sshprobe.remedy.kept_names import KEYWORDS
from sshprobe.remedy.list_lines import NO_LINE, known_names, names_line, place, weak_names
from sshprobe.remedy.login_methods import client_login, server_login
from sshprobe.remedy.shell_commands import moduli_command, rsa_key_bits, rsa_key_commands

_SINCE: dict[AlgorithmType, str] = {
    **{category: since for category, (_, since) in KEYWORDS.items()},
    "host_key": "3.0+",
}
"""Releases of the client that know the keyword of a type. Its HostKeyAlgorithms is older."""


def check_release(version: str) -> str:
    """Return the release of a version, "9.2" for "9.2p1". Raises `InputError` if the catalogue does not know it."""
    number = version.partition("p")[0]
    known = number.replace(".", "", 1).isdecimal() and number.isascii() and "." in number[1:-1]
    if not known or not in_openssh(f"{OLDEST}..{NEWEST}", number):  # both ends are included
        raise InputError(f"`{version}` is not a release of OpenSSH that sshprobe knows: {OLDEST} to {NEWEST}")
    return number


def sshd_config(profile: Profile, version: str) -> list[str]:
    """Return lines of sshd_config(5), each after a comment with the place in the document.

    `version`: the release of OpenSSH, "9.2". Raises `InputError` if it cannot meet the profile: part of the lines would
    look complete.
    """
    if profile.kind == "client":
        raise InputError(f"{profile.id} is about clients: `--format ssh_config` prints its lines")
    release = check_release(version)
    lines: list[str] = []
    problems: list[str] = []
    if profile.protocol is not None:
        lines += _protocol(profile, release, "7.3", problems)
    for category in ALGORITHM_TYPES:
        if profile.algorithms(category) is None:
            continue
        if category == "compression":
            lines += _server_compression(profile, release, problems)
        elif category == "host_key" and in_openssh(KEYWORDS["host_key"][1], release) is False:
            lines += _host_key_files(profile, release, problems)
        else:
            written = list(names_line(profile, category, release, KEYWORDS[category][1], problems))
            if category == "host_key":
                written[-1:-1] = ["# have a host key of one of these types in place before you apply it"]
            lines += written
        if category == "kex":
            lines += _moduli(profile, release)
        elif category == "host_key":
            lines += _rsa_host_key(profile, release)
    if profile.kex is None and profile.group_exchange is not None:
        lines += _moduli(profile, release)
    lines += server_login(profile, release, problems)
    head = "Put these lines first in sshd_config: sshd uses the first line of each keyword."
    return _settled(profile, release, lines, problems, head=head, program="sshd")


def ssh_config(profile: Profile, version: str) -> list[str]:
    """Return the same for a client, as lines of ssh_config(5)."""
    release = check_release(version)
    lines: list[str] = []
    problems: list[str] = []
    if profile.protocol is not None:
        lines += _protocol(profile, release, "7.5", problems)
    for category in ALGORITHM_TYPES:
        rule = profile.algorithms(category)
        if rule is None:
            continue
        if category == "compression":
            # With compression the client offers all methods, so only "no" leaves any out.
            if set(rule.allowed) == {"none"}:
                lines += [*place(profile, rule), "Compression no"]
            elif "none" not in rule.allowed:
                problems.append(f"the client offers `none`, which the profile does not allow ({rule.where})")
            continue
        lines += names_line(profile, category, release, _SINCE[category], problems)
        if category == "kex" and profile.group_exchange is not None:
            lines += place(profile, profile.group_exchange)
            lines.append(f"# {profile.group_exchange.min_bits}-bit groups: ssh has no option for the least size")
        if category == "host_key":
            lines += _required_rsa_size(profile, release)
    lines += client_login(profile, release, problems)
    head = "Put these lines first in ssh_config: ssh uses the first line of each keyword."
    return _settled(profile, release, ["Host *", *lines], problems, head=head, program="ssh")


def _settled(
    profile: Profile, release: str, lines: list[str], problems: list[str], *, head: str, program: str
) -> list[str]:
    if problems:
        raise InputError(f"{program} of OpenSSH {release} cannot meet {profile.id}: {'; '.join(problems)}")
    if not any(not line.startswith(("#", "Host ")) or line.startswith(f"# {NO_LINE}") for line in lines):
        raise InputError(f"{profile.id} has nothing that a line for {program} of OpenSSH {release} could say")
    notes = [f"# not verified: {profile.not_verified}"] if profile.not_verified else []
    notes += [f"# {_end_of(profile, deadline)}" for deadline in profile.deadline]
    if program == "ssh" and profile.kind == "server":
        notes.append("# The document is about servers: these are its lists, set on a client.")
    return [f"# {profile.id} {profile.version}, for OpenSSH {release}: {profile.source}", *notes, f"# {head}", *lines]


def _end_of(profile: Profile, deadline: Deadline) -> str:
    kinds = f"{' and '.join(deadline.kinds)} {WORDS[deadline.section]}" if deadline.kinds else ""
    what = ", ".join(filter(None, (kinds, *deadline.names)))
    return f"{what}: until {deadline.until} ({profile.cite_deadline(deadline)})"


def _protocol(profile: Profile, release: str, last: str, problems: list[str]) -> list[str]:
    assert profile.protocol is not None
    if "2.0" not in profile.protocol.allowed:
        problems.append(f"it cannot be limited to protocol {', '.join(profile.protocol.allowed)}")
        return []
    # Later releases have no SSH-1 and warn about the keyword.
    if "1.99" in profile.protocol.allowed or in_openssh(f"{OLDEST}..{last}", release) is not True:
        return []
    return [*place(profile, profile.protocol), "Protocol 2"]


def _server_compression(profile: Profile, release: str, problems: list[str]) -> list[str]:
    rule = profile.compression
    assert rule is not None
    allowed = set(rule.allowed)
    if "none" not in allowed:
        problems.append(f"it always offers the compression `none`, which the profile does not allow ({rule.where})")
        return []
    delayed = in_openssh(KEYWORDS["compression"][1], release) is not False
    if "zlib@openssh.com" in allowed and delayed:
        return [*place(profile, rule), "Compression delayed"]
    return [*place(profile, rule), "Compression no"]


def _host_key_files(profile: Profile, release: str, problems: list[str]) -> list[str]:
    """Return HostKey lines. Before 7.0 sshd has no HostKeyAlgorithms and offers the types of its HostKey lines."""
    rule = profile.host_key
    assert rule is not None
    found = known_names(profile, "host_key", release)
    families = dict.fromkeys(
        entry.family for name in found if (entry := lookup("host_key", name)) is not None and entry.format == "plain"
    )
    if not families:
        problems.append(f"it knows none of the profile's {WORDS['host_key']} ({rule.where})")
        return []
    return [
        *place(profile, rule),
        *weak_names("host_key", [name for name in found if name in ("ssh-rsa", "ssh-dss")]),
        "# remove all other HostKey lines, they add up, and have one of these keys in place before you apply it",
        *(f"HostKey /etc/ssh/ssh_host_{family}_key" for family in families),
    ]


def _moduli(profile: Profile, release: str) -> list[str]:
    rule = profile.group_exchange
    if rule is None:
        return []
    if profile.kex is not None and not any(
        (entry := lookup("kex", name)) is not None and entry.family in GROUP_EXCHANGE_FAMILIES
        for name in known_names(profile, "kex", release)
    ):
        return []
    return [*place(profile, rule), f"# run: {moduli_command(rule.wanted_bits)}"]


def _rsa_host_key(profile: Profile, release: str) -> list[str]:
    rule = profile.host_key
    assert rule is not None
    least = max(rule.min_bits.rsa or 0, rule.advised_bits.rsa or 0)
    if not least or not any("rsa" in name for name in known_names(profile, "host_key", release)):
        return []
    # Not RequiredRSASize (9.1): it also refuses keys of users, and the profile has no rule about them.
    return [
        *place(profile, rule, where=_source_of_size(rule)),
        f"# an RSA host key of {least} bits or more; to replace a smaller one, run:",
        *(f"# {command}" for command in rsa_key_commands(rsa_key_bits(profile))),
    ]


def _required_rsa_size(profile: Profile, release: str) -> list[str]:
    rule = profile.host_key
    assert rule is not None
    least = rule.min_bits.rsa or rule.advised_bits.rsa
    if least is None:
        return []
    line = f"RequiredRSASize {least}"
    if in_openssh("9.1+", release) is not True:
        line = f"# {line}: needs OpenSSH 9.1 or later"
    # On a client it limits the keys of servers and of the user.
    return [*place(profile, rule, where=_source_of_size(rule)), line]


def _source_of_size(rule: HostKeyRule) -> str:
    larger = (rule.advised_bits.rsa or 0) > (rule.min_bits.rsa or 0)
    return (rule.advised_bits if larger else rule.min_bits).where or ""
