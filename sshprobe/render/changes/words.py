"""The words for changes between scans."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sshprobe.model import timestamps
from sshprobe.views.changes import Changes, Note

LISTS = {
    "kex": "key exchange",
    "host_key": "host key algorithms",
    "cipher": "ciphers",
    "mac": "MACs",
    "compression": "compression",
    "language": "languages",
}
"""Types of `AlgorithmChange`."""

FACTS = {
    "software": "software",
    "protocol": "protocol",
    "service": "service",
    "authentication_methods": "login methods of",
    "authentication_banner": "banner before login",
    "group_exchange": "group exchange",
    "extension": "extension",
    "first_kex_packet_follows": "guessed key exchange packet",
    "lines_before_identification": "lines before the identification",
}
"""Facts of `FactChange`."""

SERVICES = {"authentication_methods": "login methods", "verdicts": "verdicts"}
"""Words for alternating facts, where `FACTS` needs more."""

PARTS = {
    "host_keys": "host keys",
    "name_lists": "algorithms",
    "group_exchange": "group exchange",
    "authentication": "login methods",
    "verdicts": "grades and findings",
    "grades": "grades",
}
"""Parts of `NotCompared`."""

REASONS: dict[str, str] = {
    "old": "not seen in the old scan",
    "new": "not seen in the new scan",
    "neither": "seen in neither scan",
    "only_old": "only the old scan has this profile",
    "only_new": "only the new scan has this profile",
    "edited": "the profile changed between the scans",
    "strict": "only one of the scans used --strict",
    "saw_more": "worse, but the new scan saw more",
    "saw_less": "better, but the new scan saw less",
}
"""Reasons of `NotCompared`."""

NOTES: dict[Note, str] = {
    "order": "The old scan began after the new one: is the order right?",
    "old_incomplete": "The old scan is not complete.",
    "new_incomplete": "The new scan is not complete.",
    "versions": "Different versions of sshprobe made the scans: findings can come from the update.",
}


def note_sentences(changes: Changes) -> list[str]:
    """Return further remarks, in sentences."""
    found = [NOTES[note] for note in changes.notes]
    if any(each.part == "verdicts" for each in changes.not_compared):
        found.append("To compare them, grade both with one profile: `sshprobe grade FILE --profile ID -o NEW_FILE`.")
    if changes.superseded:
        words = "1 record was" if changes.superseded == 1 else f"{changes.superseded:,} records were"
        found.append(f"{words} left out: the same scan has a later one of that host.")
    return found


def listed(words: Sequence[str], *, most: int) -> str:
    """Return words with commas, and the number of further ones: "a, b and 3 more"."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most:,} more"


_USUAL_PORT = re.compile(r"(?:\[(.+)\]|([^:]+)):22( \(.*\))?")


def short_host(host: str) -> str:
    """Return a host without the port 22: "192.0.2.7"."""
    found = _USUAL_PORT.fullmatch(host)
    return host if found is None else (found[1] or found[2]) + (found[3] or "")


def clock(changes: Changes) -> Callable[[str], str]:
    """Return a function that writes times of RFC 3339 for people: with seconds if both scans began in one minute."""
    ends = [timestamps.parse(each.started_at) for each in (changes.old, changes.new)]
    first, last = (None if seconds is None else timestamps.format_minutes(seconds) for seconds in ends)
    write = timestamps.format_seconds if first == last and ends[0] != ends[1] else timestamps.format_minutes

    def moment(text: str) -> str:
        seconds = timestamps.parse(text)
        return text if seconds is None else write(seconds)

    return moment
