"""The lists of a profile as lines of sshd_config and ssh_config, with only the names that a release of OpenSSH
knows."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import AlgorithmType, canonical, in_openssh, is_unknown, lookup, marker, names, weakness_of
from sshprobe.algorithms.openssh import STRICT_KEX
from sshprobe.grading.offers import WORDS
from sshprobe.grading.strength import has_post_quantum
from sshprobe.profiles import Profile
from sshprobe.profiles.sections import Rule
from sshprobe.remedy.kept_names import KEYWORDS, REMOVING
from sshprobe.remedy.remedy_context import CHACHA20

NO_LINE = "no line is needed"
"""The start of the comment for a profile that only forbids names unknown to the release."""

_POST_QUANTUM = "8.5"


def names_line(
    profile: Profile, category: AlgorithmType, release: str, keyword_since: str, problems: list[str]
) -> Iterator[str]:
    """Yield the line of one type of algorithms, after comments. `problems` gets the faults that prevent a line.

    `keyword_since`: releases that know the keyword, "5.7+".
    """
    rule = profile.algorithms(category)
    assert rule is not None
    keyword = KEYWORDS[category][0]
    if in_openssh(keyword_since, release) is False:
        problems.append(f"it has no {keyword}, which came with {keyword_since[:-1]} ({rule.where})")
        return
    found = known_names(profile, category, release)
    if not found:
        problems.append(f"it knows none of the profile's {WORDS[category]} ({rule.where})")
        return
    if category == "kex":
        yield from _required(profile, found, release, problems)
    if rule.others == "allowed" and not rule.allowed:
        # Not only from the defaults, because a later line may add names.
        gone = [
            name
            for name in names(category)
            if _knows(category, name, release) and _is_forbidden(profile, category, name, release)
        ]
        if not gone:
            yield from (*place(profile, rule), f"# {NO_LINE}: OpenSSH {release} knows nothing of that")
            return
        if in_openssh(REMOVING, release):
            yield from (*place(profile, rule), *weak_names(category, found), f"{keyword} -{','.join(gone)}")
            return
    yield from place(profile, rule)
    written = {canonical(category, name) for name in found}
    left_out = [name for name in rule.allowed if canonical(category, name) not in written]
    if left_out:
        yield f"# not in OpenSSH {release}: {', '.join(left_out)}"
    yield from weak_names(category, found)
    yield f"{keyword} {','.join(found)}"


def known_names(profile: Profile, category: AlgorithmType, release: str) -> list[str]:
    """Return the names that the profile allows and the release knows, in the profile's order.

    Another name of the same algorithm replaces one that the release does not know. For a profile that only forbids:
    the defaults of the release without the forbidden names.
    """
    rule = profile.algorithms(category)
    assert rule is not None
    if rule.others == "allowed" and not rule.allowed:
        return [name for name in _by_default(category, release) if not _is_forbidden(profile, category, name, release)]
    found: list[str] = []
    for name in rule.allowed:
        # GSS-API methods have options of their own: KexAlgorithms refuses their names.
        if name.startswith("gss-"):
            continue
        if _knows(category, name, release):
            found.append(name)
        else:
            same = canonical(category, name)
            found += [
                other
                for other in names(category)
                if canonical(category, other) == same and _knows(category, other, release)
            ]
    return list(dict.fromkeys(found))


def weak_names(category: AlgorithmType, found: list[str]) -> Iterator[str]:
    """Yield a comment for each weak name of a line."""
    for name in found:
        weak = weakness_of(category, name)
        if weak is not None and not is_unknown(category, name):
            yield f"# {name} is weak, although the profile lets it pass: {weak.words}"


def place(profile: Profile, rule: Rule, *, where: str = "") -> list[str]:
    """Return a comment with the place of a rule in its document."""
    return [f"# {profile.cite(rule, where=where)}"]


def _required(profile: Profile, found: list[str], release: str, problems: list[str]) -> Iterator[str]:
    """Yield comments on what the profile requires of the key exchanges as a whole. No line can provide it."""
    rule = profile.kex
    assert rule is not None
    if "post-quantum" in rule.require and not has_post_quantum(found):
        problems.append(f"it has no post-quantum key exchange, which came with {_POST_QUANTUM} ({rule.where})")
    if "strict-kex" in rule.require and not _has_strict_kex(release):
        yield "# strict key exchange came with OpenSSH 9.6, and with most distributions' patches of older releases"


def _knows(category: AlgorithmType, name: str, release: str) -> bool:
    entry = lookup(category, name)
    return entry is not None and in_openssh(entry.openssh_in_code, release) is True


def _has_strict_kex(release: str) -> bool:
    entry = marker(STRICT_KEX)
    assert entry is not None
    return in_openssh(entry.openssh_in_code, release) is True


def _by_default(category: AlgorithmType, release: str) -> list[str]:
    """Return the names that this release offers by default, sorted."""
    return [
        name
        for name in names(category)
        if (entry := lookup(category, name)) is not None and in_openssh(entry.openssh_default, release) is True
    ]


def _is_forbidden(profile: Profile, category: AlgorithmType, name: str, release: str) -> bool:
    rule = profile.algorithms(category)
    assert rule is not None
    same = canonical(category, name)
    if same in rule.forbidden(category):
        return True
    needs_strict = profile.kex is not None and "no-terrapin" in profile.kex.require and not _has_strict_kex(release)
    return category == "cipher" and needs_strict and same == CHACHA20
