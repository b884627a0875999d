"""Sentences about the host keys of a fleet, waivers, mandates, and about what was not checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.fleet import SharedKey
from sshprobe.model.records import SummaryRecord
from sshprobe.render.text.phrases import count
from sshprobe.views.deadline_report import DeadlineReport, Deadlines

_WEAK = {
    "host_key.malformed": ("has numbers that are not those of a key", "have numbers that are not those of a key"),
    "host_key.close_primes": ("is factored by Fermat's method", "are factored by Fermat's method"),
    "host_key.roca": ("is vulnerable to ROCA", "are vulnerable to ROCA"),
    "host_key.exponent": ("has a poor exponent", "have a poor exponent"),
    "host_key.small_private_key": ("has a private key found by trying", "have private keys found by trying"),
    "host_key.small_order": ("has a small order", "have a small order"),
    "host_key.factored": ("is factored", "are factored"),
    "host_key.known": ("is on a list of known keys", "are on a list of known keys"),
}


_NAMED = 3
"""The most hosts that a sentence names."""

INTERRUPTED = "Interrupted: the rest was not scanned."
CUT_OFF = "Cut off: the rest was not read."
"""The reasons why hosts are missing in a report. `sshprobe.store.backups` searches for them."""


def key_sentences(summary: SummaryRecord) -> list[str]:
    """Return the sentences: "2 RSA keys share a prime." Empty if nothing was found."""
    sentences = []
    several = [key for key in summary.shared_host_keys if not key.agree]
    if several:
        keys, at = count(len(several), "host key is", "host keys are"), _addresses(several)
        # Some of more than two addresses may be one machine.
        machines = "2 machines" if len(at) == 2 else f"several machines at {len(at):,} addresses"
        sentences.append(f"{keys} shared by {machines}: {_few(at)}.")
    alike = [key for key in summary.shared_host_keys if key.agree]
    if alike:
        keys, addresses = count(len(alike), "host key is", "host keys are"), _addresses(alike)
        shared = f"{keys} shared by {count(len(addresses), 'address', 'addresses')} that look identical"
        sentences.append(f"{shared} ({_few(addresses)}): one machine, or clones of one image.")
    if summary.shared_primes:
        sharing = len({fingerprint for prime in summary.shared_primes for fingerprint in prime.fingerprints})
        primes = len(summary.shared_primes)
        places = dict.fromkeys(place for prime in summary.shared_primes for place in prime.hosts)
        what = "a prime" if primes == 1 else f"{primes:,} primes"
        sentences.append(f"{sharing:,} RSA keys share {what}: {_few([*places])}.")
    for id, number in (summary.weak_keys or {}).items():
        one_has, many_have = _WEAK.get(id, (f"has {id}", f"have {id}"))
        sentences.append(f"{count(number, f'host key {one_has}', f'host keys {many_have}')}.")
    if summary.moduli_left_out:
        keys = count(summary.moduli_left_out, "RSA key of over 16,384 bits was", "RSA keys of over 16,384 bits were")
        sentences.append(f"{keys} left out of the search for shared primes.")
    return sentences


def waiver_sentences(summary: SummaryRecord) -> list[str]:
    """Return what was waived, one sentence per profile."""
    sentences = []
    for profile, each in summary.waived.items():
        findings = f"{count(each.findings, 'finding is', 'findings are')} waived on {count(each.hosts, 'host')}"
        compliant = f"; {each.compliant:,} of these {'is' if each.compliant == 1 else 'are'} compliant with waivers"
        sentences.append(f"Under {escape_unprintable(profile)} {findings}{compliant if each.compliant else ''}.")
    return sentences


def unchecked_sentences(summary: SummaryRecord) -> list[str]:
    """Return what was not checked."""
    sentences = []
    if summary.shared_primes is None:
        sentences.append("Shared primes: not checked; for so many RSA keys install gmpy2.")
    if not summary.moduli_tested:
        sentences.append("Factors of RSA keys: not checked; for so many keys install gmpy2.")
    if not summary.known_keys_checked:
        sentences.append("Compromised keys (such as CVE-2008-0166): not checked; name a list with --weak-keys.")
    return sentences


def _addresses(keys: Iterable[SharedKey]) -> list[str]:
    return list(dict.fromkeys(place.rpartition(":")[0] for key in keys for place in key.hosts))


def _few(places: list[str]) -> str:
    more = len(places) - _NAMED
    return ", ".join(map(escape_unprintable, places[:_NAMED])) + (f" and {more:,} more" if more > 0 else "")


def mandate_sentences(report: Deadlines | DeadlineReport) -> Iterator[str]:
    """Yield sentences on the key exchanges that most documents accept after all dates."""
    mandates = [each.profile for each in report.mandates]
    best = [each for each in report.exchanges if each.accepted_for_ever_by]
    in_openssh = [each for each in best if each.in_openssh]
    for which, found in (("Of all", best), ("Of those that an OpenSSH has", in_openssh)):
        if found:
            most = len(found[0].accepted_for_ever_by)
            named = []
            for each in found:
                if len(each.accepted_for_ever_by) == most:
                    others = [mandate for mandate in mandates if mandate not in each.accepted_for_ever_by]
                    remarks = [f"all but {' and '.join(others)}"] if others else []
                    remarks += [f"{mandate} does not recommend it" for mandate in each.not_recommended_by]
                    named.append(each.algorithm + f" ({'; '.join(remarks)})" * bool(remarks))
            satisfy = "satisfies" if len(named) == 1 else "satisfy"
            yield f"{which}, {' and '.join(named)} {satisfy} {most} of {len(mandates)} mandates after all dates."
