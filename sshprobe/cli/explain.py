"""`sshprobe explain`: the meaning of an algorithm or a finding, why it matters, and its sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from sshprobe.cli.options.values import Suggested, close_names
from sshprobe.cli.profiles import fields
from sshprobe.cli.standard_streams import terminal
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.algorithms import Algorithm
    from sshprobe.grading import FindingType, VersionHint


def _names() -> Iterable[str]:
    """Return everything that can be explained."""
    from sshprobe.algorithms import ALGORITHM_TYPES, marker_names, names
    from sshprobe.grading import finding_types, version_hints, weakness_meanings

    algorithms = (each for category in ALGORITHM_TYPES for each in names(category))
    return *finding_types(), *weakness_meanings(), *marker_names(), *(hint.id for hint in version_hints()), *algorithms


@click.command()
@click.argument("name", type=Suggested("name", _names), metavar="ALGORITHM|FINDING")
def explain(name: str) -> None:
    """Explain an algorithm or a finding.

    Name an algorithm, such as hmac-sha1, or the id of a finding, as in `sshprobe scan -v`. Also accepted: a word of a
    report, such as password; the number of a CVE; a code of `--weakness`, such as sha1.
    """
    from sshprobe.algorithms import ALGORITHM_TYPES, lookup, marker
    from sshprobe.grading import finding_types, version_hints, weakness_meanings

    given, types, codes = name, finding_types(), weakness_meanings()
    known_as = [entry for category in ALGORITHM_TYPES if (entry := lookup(category, name)) is not None]
    # Some server lists a cipher's name among its MACs by mistake: explain the cipher.
    found = [entry for entry in known_as if entry.standing != "bogus"] or known_as
    extension = marker(name)
    hints = [hint for hint in version_hints() if hint.id == (name.upper() if name.lower().startswith("cve-") else name)]
    if not found and extension is None and not hints:
        name = next((each.id for each in types.values() if name.lower() in _words_of(each)), name)
    citing = _citing(name)
    code = next((code for code in codes if code == given.lower()), None)
    if not found and extension is None and name not in types and not hints and not citing and code is None:
        from sshprobe.profiles import is_built_in

        if is_built_in(name):
            raise InputError(f"`{name}` is a profile: `sshprobe profiles show {name}` prints it")
        close = close_names(name, set(_names()))
        hint = f"did you mean {' or '.join(f'`{each}`' for each in close)}?" if close else "no name is similar"
        shown = name if len(name) <= 80 else name[:77] + "..."
        raise InputError(f"`{shown}` is not a known algorithm, finding or weakness: {hint}")
    blocks = [_finding(text) for text in ([types[name]] if name in types else citing)]
    blocks += [_algorithm(entry, name) for entry in found]
    blocks += [] if extension is None else [_marker(extension)]
    blocks += [_hint(hint) for hint in hints]
    blocks += [] if code is None else [_weakness(code, codes[code])]
    click.echo("\n\n".join("\n".join(fields(block, terminal())) for block in blocks))


def _words_of(text: FindingType) -> set[str]:
    """Return the words of reports for a finding, in lower case: "password", "small host keys"."""
    from sshprobe.model.finding_table import LABELS

    return {*text.also_called, LABELS.get(text.id, text.id).lower()}


def _citing(name: str) -> list[FindingType]:
    """Return the findings that cite a CVE. A finding that cites it first comes first."""
    from sshprobe.grading import finding_types

    cve = name.upper()
    if not re.fullmatch(r"CVE-\d+-\d+", cve):
        return []
    found = [text for text in finding_types().values() if cve in text.references]
    return sorted(found, key=lambda text: text.references.index(cve))


def _finding(text: FindingType) -> dict[str, Any]:
    """Return the explanation of a finding, as on its page in docs/findings/."""
    return {
        "id": text.id,
        "title": text.title,
        "severity": text.severity,
        "cost": text.cost,
        "deviation": text.deviation,
        "found when": text.when,
        "meaning": text.meaning,
        "why": text.why,
        "to see it": text.see,
        "to fix it": text.fix,
        "references": text.references,
    }


def _weakness(code: str, meaning: str) -> dict[str, Any]:
    """Return the explanation of a weakness code, which several algorithms or findings can have."""
    return {
        "weakness": code,
        "meaning": meaning,
        "which hosts": f"`sshprobe report RECORDS --weakness {code}` lists the hosts that have it",
    }


def _hint(hint: VersionHint) -> dict[str, Any]:
    """Return the explanation of a weakness of some versions."""
    first = "" if hint.first == "0" else f"{hint.first} "
    return {
        "id": hint.id,
        "meaning": hint.what,
        "versions": f"{hint.software} {first}to {hint.last}",
        "fixed in": [hint.fixed, *hint.distributions],
        "finding": "protocol.version_hint: a hint from the version only; it is never verified and costs no points",
        "references": hint.references,
    }


def _marker(entry: Algorithm) -> dict[str, Any]:
    """Return the explanation of a marker. It is never negotiated, so it is never weak and in no profile."""
    is_extension = entry.notes.startswith("name of an extension")
    return {
        "name": entry.name,
        "category": "extension: a name in EXT_INFO (RFC 8308), not an algorithm; never judged as one"
        if is_extension
        else "marker: a name in the list of key exchanges that is not an algorithm; never judged as one",
        "notes": entry.notes,
        "references": entry.references,
        "facts": _facts(entry),
    }


def _algorithm(entry: Algorithm, given: str) -> dict[str, Any]:
    """Return the explanation of an algorithm: its facts, its weakness, and its rules in the profiles."""
    from sshprobe.algorithms import aliases, mechanism, weakness_of

    category: Any = entry.category
    weak, by = weakness_of(category, entry.name), mechanism(given)
    return {
        "name": entry.name,
        "also named": aliases(entry),
        "category": entry.category,
        "weakness": f"{weak.severity}: {weak.words}: {weak.why}" if weak is not None else "none known",
        "says": ", ".join(weak.references) if weak is not None else "",
        "mechanism": "" if by is None else f"{by.mechanism} ({by.oid})",
        "standing": entry.standing,
        "notes": entry.notes,
        "references": entry.references,
        "facts": _facts(entry),
        "profiles": _opinions(entry),
    }


def _facts(entry: Algorithm) -> dict[str, str]:
    """Return every claim of the catalogue with its source."""
    from sshprobe.algorithms import claims

    return {claim.what: f"{claim.value} [{claim.source}]" for claim in claims(entry)}


def _opinions(entry: Algorithm) -> dict[str, str]:
    from sshprobe.algorithms import ALGORITHM_TYPES, canonical
    from sshprobe.grading import leaves_open
    from sshprobe.profiles import available_profiles, load_profile

    opinions = {}
    for profile in map(load_profile, available_profiles()):
        for category in ALGORITHM_TYPES:
            rule = profile.algorithms(category) if category == entry.category else None
            if rule is None:
                if category == entry.category and leaves_open(profile, category, entry.name):
                    opinions[profile.id] = "says nothing of its class, which leaves it open"
                continue
            name = canonical(category, entry.name)
            words = [word for each, word in rule.words.items() if canonical(category, each) == name]
            recommended = name in {canonical(category, each) for each in rule.recommended}
            allowed = name in {canonical(category, each) for each in rule.allowed}
            others = "not listed"
            if rule.others == "allowed":
                open_ = leaves_open(profile, category, entry.name)
                others = "not named, which leaves it open" if open_ else "not named, which passes"
            opinion = "recommended" if recommended else "allowed" if allowed else others
            place = next((each for each in rule.places if canonical(category, each) == name), "")
            opinions[profile.id] = f"{', '.join(words[:1] or [opinion])} ({profile.cite(rule, place)})"
    return opinions
