"""Everything about one host, for `-v`: the ten name-lists, keys, groups, and each finding and verdict in full."""

from __future__ import annotations

from collections.abc import Sequence

from sshprobe.model import timestamps
from sshprobe.model.name_lists import NAME_LISTS
from sshprobe.model.observation import Certificate, HostKey, UserAuthentication
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.render.text.terminal import Terminal

_FOREVER = 2**64 - 1


def saw_nothing(record: HostRecord) -> bool:
    """Return whether a host sent nothing that could be shown beside its status."""
    return record.identification is None and not record.lines_before_identification and not record.warnings


def observation_details(record: HostRecord, terminal: Terminal) -> list[str]:
    """Return the lines that hold all facts of a printable record."""
    lines: list[str] = []

    def add(label: str, items: Sequence[str] | None) -> None:
        lines.append(f"  {label}")
        lines.extend(terminal.wrap_list(items, indent="    ") if items is not None else ["    not observed"])

    facts = [f"status {record.status}", f"stage {record.stage}", f"depth {record.depth}", f"at {record.started_at}"]
    add("host", [*facts, f"address {record.address or 'none'}", f"target {record.target}"])
    if saw_nothing(record):
        return lines
    if record.lines_before_identification:
        lines += ["  lines before the identification", *(f"    {x}" for x in record.lines_before_identification)]
    add("identification", None if record.identification is None else [record.identification.raw])
    for name in NAME_LISTS:
        add(name, getattr(record, name))
    lines.append("  host_keys")
    lines += ["    not observed"] if record.host_keys is None else [] if record.host_keys else ["    (empty)"]
    for key in record.host_keys or ():
        lines += _host_key(key, terminal)
    groups = record.group_exchange
    add(
        "group_exchange",
        None
        if groups is None
        else [
            f"{each.algorithm} {each.min}/{each.n}/{each.max} bits asked: "
            + ("refused" if each.refused else f"{each.modulus_bits or 'no'} bits")
            for each in groups
        ],
    )
    first = UserAuthentication(methods=record.authentication_methods, none_accepted=record.authentication_none_accepted)
    for name, answer in (record.authentication_by_user or {record.authentication_user or "": first}).items():
        add(f"authentication_methods{f' of {name}' if name else ''}", answer.methods)
        if answer.none_accepted:
            lines.append("    ACCEPTED WITHOUT ANY CREDENTIAL: the method none")
    if record.authentication_banner:
        add("authentication_banner", [record.authentication_banner])
    add("extensions", None if record.extensions is None else [f"{k}={v}" for k, v in record.extensions.items()])
    answers = (
        ("hassh_server", record.hassh_server),
        ("strict_kex", record.strict_kex),
        ("post_quantum_kex", record.post_quantum_kex),
        ("first_kex_packet_follows", record.first_kex_packet_follows),
    )
    add("also", [f"{name} {_answer(value)}" for name, value in answers])
    for warning in record.warnings:
        lines += terminal.wrap(f"warning: {warning}", indent="    ", first="  ")
    return lines


def _answer(value: str | bool | None) -> str:
    return "not observed" if value is None else value if isinstance(value, str) else "yes" if value else "no"


def _host_key(key: HostKey, terminal: Terminal) -> list[str]:
    bits = f"{key.bits} bits" if key.bits is not None else "size unknown"
    proof = {True: "verified", False: "WRONG SIGNATURE", None: "not checked"}[key.signature_verified]
    text = f"{key.type} {bits} {key.fingerprint} {proof}, signed with {key.signature_algorithm} in {key.kex_algorithm}"
    lines = terminal.wrap(text, indent="      ", first="    ")
    return lines + (_certificate(key.certificate, terminal) if key.certificate is not None else [])


def _certificate(certificate: Certificate, terminal: Terminal) -> list[str]:
    proof = {True: "verified", False: "WRONG", None: "not checked"}[certificate.ca_signature_verified]
    text = (
        f"{certificate.kind} certificate {certificate.key_id}, serial {certificate.serial}, for "
        f"{', '.join(certificate.principals) or 'every host'}, valid from {_moment(certificate.valid_after)} to "
        f"{_moment(certificate.valid_before)}, by {certificate.ca_type} {certificate.ca_bits or ''} "
        f"{certificate.ca_fingerprint}, CA signature ({certificate.signature_algorithm}) {proof}"
    )
    return terminal.wrap(" ".join(text.split()), indent="        ", first="      ")


def _moment(timestamp: int) -> str:
    if timestamp == 0:
        return "always"
    if timestamp >= _FOREVER:
        return "forever"
    return timestamps.format_minutes(timestamp)


def finding_details(finding: Finding, terminal: Terminal, *, across: bool = False) -> list[str]:
    """Return the lines under a finding: expected, observed, effect, remedy, references.

    `across`: it is one of `fleet_findings`, which never cost anything.
    """
    effect = [f"{finding.effect.points} points"] if finding.effect.points else []
    effect += [f"caps the score at {finding.effect.cap}"] if finding.effect.cap is not None else []
    if finding.counts and not finding.effect.points and not across:
        effect.append("no points of its own: they are counted with another of this weakness")
    waived = finding.waived
    waiver = "" if waived is None else f"{waived.reason} (for {waived.hosts}, until {waived.until})"
    if waived is not None and waived.effect.points:
        waiver += f"; without it {waived.effect.points} points"
    rows = (
        ("id", finding.id + ("" if finding.deviation else " (does not affect compliance)")),
        ("waived", waiver),
        ("expected", finding.expected),
        ("observed", finding.observed),
        ("effect", " and ".join(effect) or "none"),
        ("remedy", finding.remediation or ""),
        ("see", ", ".join(finding.references)),
    )
    return [
        line
        for label, text in rows
        if text
        for line in terminal.wrap(text, indent=" " * 24, first=f"            {label:<10}  ")
    ]


def verdict_details(verdict: Verdict, terminal: Terminal) -> list[str]:
    """Return the lines that explain a score: points, cap with its reasons, each category."""
    lines = [""]
    reasons = ", ".join(verdict.cap_reasons)
    if verdict.cap is None:
        cap = "nothing caps it"
    elif verdict.cap < verdict.raw_score:
        cap = f"capped at {verdict.cap} by {reasons}"
    else:
        cap = f"the cap of {verdict.cap} ({reasons}) does not lower it"
    text = f"{verdict.profile} {verdict.profile_version}: score {verdict.score}. "
    text += f"100 less the points of all findings is {verdict.raw_score}; {cap}"
    lines += terminal.wrap(text, indent="    ", first="  ")
    categories = [f"{name} {each.score}" for name, each in verdict.categories.items()]
    if categories:
        lines += terminal.wrap_list(categories, indent="    ", first="  by category: ")
    if verdict.not_observed:
        lines += terminal.wrap_list(verdict.not_observed, indent="    ", first="  not observed: ")
    return lines
