"""Everything about one host, for `-v`: offers, keys, groups, and all findings and verdicts in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sshprobe.model import timestamps
from sshprobe.model.name_lists import LANGUAGES, AlgorithmType
from sshprobe.model.observation import FOREVER, Certificate, HostKey, UserAuthentication
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Verdict
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.host import FindingGroup
from sshprobe.views.offers import Offer

_HEADINGS: dict[AlgorithmType, str] = {
    "kex": "Key exchange methods",
    "host_key": "Host key algorithms",
    "cipher": "Ciphers",
    "mac": "MACs",
    "compression": "Compression",
}


def offer_lines(offers: Mapping[AlgorithmType, Sequence[Offer]], terminal: Terminal) -> list[str]:
    """Return all offers of a host, in its order: strength, name and weakness of each algorithm."""
    found = [offer for each in offers.values() for offer in each]
    wide = max((len(offer.strength) for offer in found), default=0)
    lines = []
    for category, heading in _HEADINGS.items():
        lines += ["", f"  {terminal.paint(heading, 'bold')}"]
        if category not in offers:
            lines.append("    not seen")
        name = min(max((len(offer.name) for offer in offers.get(category, ())), default=0), terminal.width // 2)
        indent = " " * (8 + wide + name)
        for offer in offers.get(category, ()):
            lead = f"    {offer.strength:<{wide}}  {offer.name:<{name}}  "
            words = [*offer.reasons, *([f"{offer.direction} only"] if offer.direction else [])]
            words += [] if offer.reasons else offer.facts
            first, *rest = terminal.wrap("; ".join(words), indent=indent, first=lead)
            lines += [f"    {terminal.word(offer.strength)}{first[4 + len(offer.strength) :]}", *rest]
    return lines


def saw_nothing(record: HostRecord) -> bool:
    """Return whether a host has nothing to show except its status."""
    return record.identification is None and not record.lines_before_identification and not record.warnings


def fact_lines(record: HostRecord, terminal: Terminal) -> list[str]:
    """Return the lines with all other facts of a printable record."""
    lines: list[str] = []

    def add(heading: str, items: Sequence[str] | None) -> None:
        lines.extend(["", f"  {terminal.paint(heading, 'bold')}"])
        for item in ["not seen"] if items is None else items or ["none"]:
            lines.extend(terminal.wrap(item, indent="      ", first="    "))

    if not saw_nothing(record):
        if record.kex_algorithms is None:
            add("Algorithms", None)
        keys = record.host_keys
        add("Host keys", None if keys is None else [text for key in keys for text in _host_key(key)])
        groups = record.group_exchange
        add(
            "Groups of group exchange",
            None
            if groups is None
            else [
                f"{each.algorithm}: asked for {each.min} to {each.max} bits, best {each.n}: "
                + ("refused" if each.refused else f"{each.modulus_bits or 'no'} bits")
                for each in groups
            ],
        )
        first = UserAuthentication(
            methods=record.authentication_methods, none_accepted=record.authentication_none_accepted
        )
        for name, answer in (record.authentication_by_user or {record.authentication_user or "": first}).items():
            add(f"Login methods{f' of {name}' if name else ''}", answer.methods)
            if answer.none_accepted:
                lines.append("    ACCEPTED WITHOUT ANY CREDENTIAL: the method none")
        if record.authentication_banner:
            add("Banner before the login", [record.authentication_banner])
        extensions = record.extensions
        add("Extensions", None if extensions is None else [f"{k} = {v}" for k, v in extensions.items()])
        languages = [each for field in LANGUAGES for each in getattr(record, field) or ()]
        if languages:
            add("Languages", languages)
        if record.lines_before_identification:
            add("Lines before the identification", record.lines_before_identification)
        add("Identification", None if record.identification is None else [record.identification.raw])
    answers = {
        "Strict key exchange": record.strict_kex,
        "Post-quantum key exchange": record.post_quantum_kex,
        "A guessed key exchange follows": record.first_kex_packet_follows,
        "HASSH": record.hassh_server,
    }
    facts = [f"{name}: {_answer(value)}" for name, value in answers.items() if value is not None]
    probed = f"{record.started_at}, depth {record.depth}, last stage {record.stage}, status {record.status}"
    add("Also", [*facts, f"Probed: {probed}", f"Target: {record.target}, address {record.address or 'none'}"])
    if record.warnings:
        add("Warnings", record.warnings)
    return lines


def _answer(value: str | bool) -> str:
    return value if isinstance(value, str) else "yes" if value else "no"


def _host_key(key: HostKey) -> list[str]:
    bits = f"{key.bits} bits" if key.bits is not None else "size unknown"
    proof = {True: "verified", False: "WRONG SIGNATURE", None: "not checked"}[key.signature_verified]
    text = f"{key.type} {bits} {key.fingerprint} {proof}, signed with {key.signature_algorithm} in {key.kex_algorithm}"
    return [text] if key.certificate is None else [text, _certificate(key.certificate)]


def _certificate(certificate: Certificate) -> str:
    proof = {True: "verified", False: "WRONG", None: "not checked"}[certificate.ca_signature_verified]
    text = (
        f"{certificate.kind} certificate {certificate.key_id}, serial {certificate.serial}, for "
        f"{', '.join(certificate.principals) or 'every host'}, valid from {_moment(certificate.valid_after)} to "
        f"{_moment(certificate.valid_before)}, by {certificate.ca_type} {certificate.ca_bits or ''} "
        f"{certificate.ca_fingerprint}, CA signature ({certificate.signature_algorithm}) {proof}"
    )
    return " ".join(text.split())


def _moment(timestamp: int) -> str:
    if timestamp == 0:
        return "always"
    if timestamp >= FOREVER:
        return "forever"
    return timestamps.format_minutes(timestamp)


def finding_details(
    group: FindingGroup, indent: str, terminal: Terminal, *, fix: bool = True, across: bool = False
) -> list[str]:
    """Return the lines under findings: cost, expectation, advice (`fix`) and sources.

    `across`: it is one of `fleet_findings`, which never cost anything.
    """
    finding = group[0]
    points = sum(each.effect.points for each in group)
    caps = [each.effect.cap for each in group if each.effect.cap is not None]
    effect = [f"{points} points"] if points else []
    effect += [f"caps the score at {min(caps)}"] if caps else []
    if finding.counts and not points and not across:
        effect.append("no points of its own: another finding of this weakness has them")
    if finding.waived is not None and finding.waived.effect.points:
        effect.append(f"without the waiver {finding.waived.effect.points} points")
    texts = [f"{finding.id}: {', '.join(effect) or 'costs nothing'}"]
    if not finding.deviation:
        texts[0] += "; does not affect compliance"
    if not finding.expected.startswith("one of "):  # a full list of the profile says less than the message
        texts.append(f"expected {finding.expected}")
    observed = ", ".join(dict.fromkeys(each.observed for each in group if each.observed != each.algorithm))
    texts += [f"observed {observed}"] if observed else []
    texts += [f"fix: {finding.remediation}"] if fix and finding.remediation else []
    texts += [f"see {', '.join(finding.references)}"] if finding.references else []
    return [line for text in texts for line in terminal.wrap(text, indent=f"{indent}    ", first=f"{indent}  ")]


def score_lines(verdict: Verdict, terminal: Terminal) -> list[str]:
    """Return the lines that explain a score: points, cap with its reasons, each category."""
    reasons = ", ".join(verdict.cap_reasons)
    if verdict.cap is None:
        cap = "nothing caps it"
    elif verdict.cap < verdict.raw_score:
        cap = f"capped at {verdict.cap} by {reasons}"
    else:
        cap = f"the cap of {verdict.cap} ({reasons}) does not lower it"
    text = f"{verdict.profile} {verdict.profile_version}: score {verdict.score}. "
    text += f"100 less the points of all findings is {verdict.raw_score}; {cap}"
    lines = ["", *terminal.wrap(text, indent="    ", first="  ")]
    categories = [f"{name} {each.score}" for name, each in verdict.categories.items()]
    return lines + (
        terminal.wrap(f"by category: {', '.join(categories)}", indent="    ", first="  ") if categories else []
    )
