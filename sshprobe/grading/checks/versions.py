"""Hints from the version in an identification: known weaknesses of that release, without proof.

Distributions fix without raising the version. So a hint considers the package revision in the comment (Debian, Raspbian
and Ubuntu); without one, it says that a fix is possible. A hint is a note: it never affects points, grade or
compliance. `data/version_hint.tsv` holds the table, with the source of each row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

import msgspec

from sshprobe.algorithms.catalogue import read_table
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
from sshprobe.model.verdict import Finding

VERSION_HINT = FindingType(
    id="protocol.version_hint",
    title="A hint: this version is known for a weakness",
    severity="note",
    when="the identification names a version with a known weakness, and no package revision with the fix",
    meaning="""The identification names a release with a known weakness. It is a hint: the scan tried nothing, and
        nothing that it saw proves the weakness.""",
    why="""Distributions fix without raising the version. A package of Debian, Raspbian or Ubuntu in the comment
        decides, if its fixed revision is known. Red Hat and others show none. So it costs no point, no letter and no
        compliance.""",
    see="""On the host: `dpkg -l openssh-server` or `rpm -q --changelog openssh-server | grep CVE`, against the
        distributor's advisory.""",
    fix="Update the package. Nothing, if it is up to date and the distributor lists the weakness as fixed.",
    advice="see that the package is up to date: {expected}",
    references=("https://security-tracker.debian.org", "https://ubuntu.com/security/cves"),
)


class VersionHint(msgspec.Struct, frozen=True, kw_only=True):
    """One known weakness of a range of versions of one server."""

    id: str
    """"CVE-2024-6387"."""
    software: str
    """A key of `_SOFTWARE`."""
    first: str
    last: str
    """The first and last version that has it. A version that omits parts of `last` counts as affected."""
    fixed: str
    """The first release without it, as text."""
    what: str
    distributions: tuple[str, ...]
    """The first packages with the fix under an older version: "Debian 9.2p1-2+deb12u3"."""
    references: tuple[str, ...]


_SOFTWARE = {
    # Whole strings, because OpenSSH_for_Windows has version numbers of its own. Builds with HPN-SSH patches do not.
    "OpenSSH": re.compile(r"OpenSSH_(\d+\.\d+(?:\.\d+)?(?:p\d+)?)(?:[-_]hpn\w*)?"),
    "libssh": re.compile(r"libssh[_-](\d+\.\d+\.\d+)"),
    "Erlang": re.compile(r"Erlang/(\d+(?:\.\d+)+)"),
}

DIGITS = 9
"""The most digits that are read from a number in a version. No release has more, and `int` refuses thousands."""

_PACKAGE = re.compile(r"(Debian|Raspbian|Ubuntu)-(\S+)")

_BUILT_FROM = {"Debian": (), "Raspbian": ("Debian",), "Ubuntu": ("Debian",)}
"""Distributions that build on packages of another and extend the revision: "Ubuntu-7ubuntu4" has the fixes of Debian's
revision 7, "Raspbian-10+deb10u2+rpt1" the fixes of 10+deb10u2."""

_REBUILT = re.compile(r"~(?:bpo|deb|ubuntu)?\d[\w.+]*")
"""End of the revision of a package that was rebuilt for an older release: "5~bpo11+1" has the fixes of 5."""

_SECURITY = re.compile(r"\+deb\d+u\d+")
"""Part of a revision of Debian's stable releases. Only Raspbian builds on those."""


@check(VERSION_HINT)
def known_weaknesses(host: GradedHost) -> Iterator[Finding]:
    """Find each known weakness of the version. Software that hides its version has no findings."""
    found = host.observation.identification
    if found is None:
        return
    comments = found.lasting_comments
    for hint, package in _hints(found.software, comments):
        about = "its distributor may have fixed it" if package is None else f"{package} fixes it"
        yield VERSION_HINT.judge(
            algorithm=hint.id,
            message=f"by the version alone, not verified: {hint.what}; {about}",
            expected=f"{hint.fixed} or later" + (f", or {package} or later" if package else ""),
            observed=found.software if comments is None else f"{found.software} {comments}",
            references=(hint.id, *hint.references),
            hint=True,
        )


@lru_cache(maxsize=1024)
def _hints(software: str, comments: str | None) -> tuple[tuple[VersionHint, str | None], ...]:
    """Return the hints for a version, each with the package that fixes it, if the distributor has one."""
    for name, pattern in _SOFTWARE.items():
        match = pattern.fullmatch(software)
        if match is not None:
            return tuple(_of_version(name, match[1], comments))
    return ()


def _of_version(software: str, version: str, comments: str | None) -> Iterator[tuple[VersionHint, str | None]]:
    asked = _numbers(version)
    found = _PACKAGE.match(comments or "")
    for hint in version_hints():
        last = _numbers(hint.last)
        # "9.9" has no patch level and may be 9.9p1. "9.7" as a limit includes every patch level.
        if hint.software != software or asked < _numbers(hint.first) or asked[: len(last)] > last:
            continue
        fixing = [] if found is None else list(_fixing(hint, found[1], version))
        if found is not None and any(_has(found[2], package) for package in fixing):
            continue
        yield hint, fixing[0] if fixing else None


def _fixing(hint: VersionHint, distribution: str, version: str) -> Iterator[str]:
    """Yield the fixing packages of this release, of the distribution first, then of the one that it builds on."""
    for name in (distribution, *_BUILT_FROM[distribution]):
        for each in hint.distributions:
            owner, _, package = each.partition(" ")
            inherited = distribution != "Ubuntu" or not _SECURITY.search(package)
            if owner == name and inherited and _release(package.rpartition("-")[0]) == _release(version):
                yield each


def _release(version: str) -> tuple[int, ...]:
    """Return (6, 6) for "6.6.1p1" of a server and for "6.6p1" of its package."""
    return _numbers(version)[:2]


def _has(revision: str, package: str) -> bool:
    return compare_revisions(_REBUILT.sub("", revision), package.rpartition("-")[2]) >= 0


def compare_revisions(one: str, other: str) -> int:
    """Compare two package revisions as dpkg does (deb-version(7)): below 0, 0 or above 0. "2+deb12u10" is above u3."""
    ours, theirs = _parts(one), _parts(other)
    return (ours > theirs) - (ours < theirs)


def _parts(revision: str) -> list[tuple[tuple[int, ...], int, str]]:
    """Return text and number in turns. "~" sorts before the end of the text, and letters before all other characters.

    A number is its length and its digits, which sort like it. A server can send numbers that are too long for `int`.
    """
    parts = ((text, number.lstrip("0")) for text, number in re.findall(r"(\D*)(\d*)", revision))
    return [((*map(_rank, text), 0), len(number), number) for text, number in parts]


def _rank(character: str) -> int:
    return -1 if character == "~" else ord(character) if character.isalpha() else ord(character) + 256


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number[:DIGITS]) for number in re.findall(r"\d+", version))


@cache
def version_hints() -> tuple[VersionHint, ...]:
    """Return the whole table."""
    columns, *lines = read_table("version_hint", package="sshprobe.grading")
    rows = (dict(zip(columns, line, strict=True)) for line in lines)
    return tuple(
        VersionHint(
            **{name: row[name] for name in ("id", "software", "first", "last", "fixed", "what")},
            distributions=tuple(each for each in row["distributions"].split(", ") if each),
            references=(row["references"],),
        )
        for row in rows
    )
