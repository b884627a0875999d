"""The steps that fix Dropbear: compile-time options, the command line, host keys.

Dropbear has no configuration for algorithms. Definitions in localoptions.h override those of default_options.h when it
is compiled (2018.76 and later). The names are from default_options.h of 2018.76, 2020.81, 2022.83 and 2025.89.
Passwords are switched off by `-s` (dropbear(8)).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical
from sshprobe.grading.offers import offers, seen_lists
from sshprobe.grading.users import methods_for_everybody
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Change, NewKey
from sshprobe.model.verdict import Verdict
from sshprobe.remedy.login_methods import YOUR_KEY
from sshprobe.remedy.remedy_context import NEW_KEY, RemedyContext, not_waived
from sshprobe.remedy.shell_commands import TELL_CLIENTS, backup_command, rsa_key_bits
from sshprobe.remedy.steps import Step, reasons, reasons_to_go
from sshprobe.remedy.what_if import with_methods, with_new_keys, with_others, without_names, without_user_signatures

FIRST_VERSION = (2018, 76)
"""The first version with localoptions.h. Earlier ones need an edited options.h."""


class Definition(NamedTuple):
    """A definition of default_options.h, its first version, and its algorithms."""

    name: str
    since: tuple[int, int]
    category: AlgorithmType
    covers: Callable[[str], bool]


def _is(*names: str) -> Callable[[str], bool]:
    return lambda name: name in names


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda name: re.fullmatch(pattern, name) is not None


_NEWER = (2020, 79)
DEFINITIONS = (
    Definition("DROPBEAR_MLKEM768", (2025, 88), "kex", _is("mlkem768x25519-sha256")),
    Definition("DROPBEAR_SNTRUP761", (2025, 87), "kex", _matches("sntrup761x25519-sha512(@openssh.com)?")),
    Definition("DROPBEAR_CURVE25519", FIRST_VERSION, "kex", _matches("curve25519-sha256(@libssh.org)?")),
    Definition("DROPBEAR_ECDH", FIRST_VERSION, "kex", _matches("ecdh-sha2-.*")),
    Definition("DROPBEAR_DH_GROUP16", FIRST_VERSION, "kex", _is("diffie-hellman-group16-sha512")),
    Definition("DROPBEAR_DH_GROUP14_SHA256", FIRST_VERSION, "kex", _is("diffie-hellman-group14-sha256")),
    Definition("DROPBEAR_DH_GROUP14_SHA1", FIRST_VERSION, "kex", _is("diffie-hellman-group14-sha1")),
    Definition("DROPBEAR_DH_GROUP1", FIRST_VERSION, "kex", _is("diffie-hellman-group1-sha1")),
    Definition("DROPBEAR_RSA_SHA1", (2022, 82), "host_key", _is("ssh-rsa")),
    Definition("DROPBEAR_RSA", FIRST_VERSION, "host_key", _is("ssh-rsa", "rsa-sha2-256")),
    Definition("DROPBEAR_DSS", FIRST_VERSION, "host_key", _is("ssh-dss")),
    Definition("DROPBEAR_ECDSA", FIRST_VERSION, "host_key", _matches("ecdsa-sha2-.*")),
    Definition("DROPBEAR_ED25519", _NEWER, "host_key", _is("ssh-ed25519")),
    Definition("DROPBEAR_ENABLE_CBC_MODE", FIRST_VERSION, "cipher", _matches(".*-cbc")),
    Definition("DROPBEAR_3DES", FIRST_VERSION, "cipher", _matches("3des-.*")),
    Definition("DROPBEAR_TWOFISH128", FIRST_VERSION, "cipher", _matches("twofish128-.*")),
    Definition("DROPBEAR_TWOFISH256", FIRST_VERSION, "cipher", _matches("twofish(256)?-.*")),
    Definition("DROPBEAR_CHACHA20POLY1305", _NEWER, "cipher", _is("chacha20-poly1305@openssh.com")),
    Definition("DROPBEAR_ENABLE_GCM_MODE", _NEWER, "cipher", _matches("aes.*-gcm@openssh.com")),
    Definition("DROPBEAR_AES128", FIRST_VERSION, "cipher", _matches("aes128-.*")),
    Definition("DROPBEAR_AES256", FIRST_VERSION, "cipher", _matches("aes256-.*")),
    Definition("DROPBEAR_ENABLE_CTR_MODE", FIRST_VERSION, "cipher", _matches(".*-ctr")),
    Definition("DROPBEAR_MD5_HMAC", FIRST_VERSION, "mac", _is("hmac-md5")),
    Definition("DROPBEAR_SHA1_96_HMAC", FIRST_VERSION, "mac", _is("hmac-sha1-96")),
    Definition("DROPBEAR_SHA1_HMAC", FIRST_VERSION, "mac", _is("hmac-sha1")),
    Definition("DROPBEAR_SHA2_256_HMAC", FIRST_VERSION, "mac", _is("hmac-sha2-256")),
    Definition("DROPBEAR_SHA2_512_HMAC", FIRST_VERSION, "mac", _is("hmac-sha2-512")),
)
"""If two cover a name, the first one is preferred: it removes fewer others."""

ADDED: dict[AlgorithmType, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "kex": (("DROPBEAR_CURVE25519", ("curve25519-sha256", "curve25519-sha256@libssh.org")),),
    "cipher": (("DROPBEAR_ENABLE_GCM_MODE", ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com")),),
    "mac": (("DROPBEAR_SHA2_256_HMAC", ("hmac-sha2-256",)), ("DROPBEAR_SHA2_512_HMAC", ("hmac-sha2-512",))),
}
"""Definitions that can be compiled in if a list would be empty."""

TAKEN_OUT = "not offered before it is compiled in"
NOT_BROUGHT = "would be compiled in too"


def dropbear_version(observation: Observation) -> tuple[int, int] | None:
    """Return (2022, 83) for "SSH-2.0-dropbear_2022.83"; None for other software and without localoptions.h."""
    found = observation.identification
    if found is None or not found.software.lower().startswith("dropbear"):
        return None
    version = re.match(r"(\d{4})\.(\d{1,4})", found.version or "")
    if version is None or (int(version[1]), int(version[2])) < FIRST_VERSION:
        return None
    return int(version[1]), int(version[2])


def dropbear_steps(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    """Yield all steps that may help."""
    version = dropbear_version(context.observation)
    assert version is not None
    for category in ALGORITHM_TYPES:
        yield from _definitions(context, before, category, version)
    yield from _rsa_key(context, before)
    yield from _authentication(context, before)


def _definitions(
    context: RemedyContext, before: Verdict, category: AlgorithmType, version: tuple[int, int]
) -> Iterator[Step]:
    found = context.offered[category]
    offered = [name for offer in found.values() for name in offer.names]
    gone = [name for name in offered if canonical(category, name) in context.to_remove[category]]
    known = [each for each in DEFINITIONS if each.category == category and each.since <= version]
    taken = _taken(known, offered, gone, ())
    lists = [names for names in seen_lists(context.observation, category) if names]
    out = {same for each in taken for same in _removed(context.observation, each)}
    left = [[name for name in names if canonical(category, name) not in out] for names in lists]
    if taken and not all(not_waived(context, category, names) for names in left):
        # A list would be empty or have only waived names: compile in something else, and keep its requirements.
        steps, good, bad = _added(context, category, known)
        # If that is impossible, no list loses its last name, or its last sound name beside waived ones.
        sound = [not_waived(context, category, [name for name in names if name not in gone]) for names in lists]
        kept = [not_waived(context, category, names) if had else names for names, had in zip(left, sound, strict=True)]
        if not good and not all(kept):
            return
        yield from steps
        taken = _taken(known, [*offered, *bad], [*gone, *bad], good)
    if category == "kex" and context.needs_post_quantum:
        yield from _post_quantum(before, known)
    for each in taken:
        why = reasons_to_go(before, category, [name for name in gone if each.covers(name)])
        also = sorted(name for name in offered if each.covers(name) and name not in gone)
        if also:
            why = (*why, f"{', '.join(also)}: there is no definition for one without the other")
        yield _define(each.name, 0, partial(_without, definition=each), why or (NOT_BROUGHT,))


def _taken(
    known: list[Definition], offered: Sequence[str], gone: Sequence[str], kept: Sequence[str]
) -> list[Definition]:
    """Return definitions that remove all names of `gone`, as few others as possible, and none of `kept`."""
    left, taken = list(offered), []
    for name in gone:
        candidates = [each for each in known if each.covers(name) and not any(map(each.covers, kept))]
        best = min(candidates, key=lambda each: sum(each.covers(o) and o not in gone for o in left), default=None)
        if name in left and best is not None:
            taken.append(best)
            left = [other for other in left if not best.covers(other)]
    return taken


def _added(
    context: RemedyContext, category: AlgorithmType, known: list[Definition]
) -> tuple[list[Step], list[str], list[str]]:
    """Return steps that compile in definitions, their names that the profile allows, and their other names."""
    rule = context.profile.algorithms(category)
    steps: list[Step] = []
    good: list[str] = []
    bad: list[str] = []
    for name, brings in ADDED.get(category, ()):
        allowed = [each for each in brings if rule is None or not rule.allowed or each in rule.allowed]
        if allowed and any(each.name == name for each in known):
            effect = partial(with_others, category=category, names=brings, gone=())
            steps.append(_define(name, 1, effect, (f"{', '.join(allowed)}: {TAKEN_OUT}",)))
            good += allowed
            bad += [each for each in brings if each not in allowed]
    return steps, good, bad


def _without(observation: Observation, *, definition: Definition) -> Observation:
    """Return the observation without the algorithms of a definition."""
    changed = without_names(observation, definition.category, _removed(observation, definition))
    # The same code verifies users' signatures, so the names also go from server-sig-algs (src/signkey.c, sigalgs).
    return without_user_signatures(changed, definition.covers) if definition.category == "host_key" else changed


def _removed(observation: Observation, definition: Definition) -> set[str]:
    """Return the canonical names that a server loses with a definition: an algorithm goes under all its names."""
    found = offers(observation, definition.category)
    return {same for same, offer in found.items() if any(map(definition.covers, offer.names))}


def _post_quantum(before: Verdict, known: list[Definition]) -> Iterator[Step]:
    """Yield the step for the first hybrid of this version: ML-KEM of 2025.88, or sntrup761 of 2025.87."""
    found = [finding for finding in before.findings if finding.id == "kex.no_post_quantum"]
    for each in known:
        brings = [name for name in ("mlkem768x25519-sha256", "sntrup761x25519-sha512") if each.covers(name)]
        if brings:
            yield _define(each.name, 1, partial(with_others, category="kex", names=brings, gone=()), reasons(found))
            return


def _define(name: str, value: int, effect: Callable[[Observation], Observation], why: tuple[str, ...]) -> Step:
    return Step(Change(kind="localoptions.h", text=(f"#define {name} {value}",), reasons=why), effect)


def _rsa_key(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    found = [
        finding
        for finding in before.findings
        if finding.id in NEW_KEY and finding.algorithm == "ssh-rsa" and finding.severity != "note"
    ]
    if found and any(key.type == "ssh-rsa" for key in context.observation.host_keys or ()):
        # dropbearkey takes multiples of 8 up to 4096.
        bits = rsa_key_bits(context.profile)
        file = "/etc/dropbear/dropbear_rsa_host_key"
        key = NewKey(type="rsa", bits=bits, file=file, replaces=True)
        change = Change(
            kind="host_key",
            commands=(f"dropbearkey -t rsa -s {bits} -f {file}.new && {backup_command(file)} && mv {file}.new {file}",),
            reasons=reasons(found),
            caution=TELL_CLIENTS,
            key=key,
        )
        yield Step(change, partial(with_new_keys, type="ssh-rsa", bits=bits))


def _authentication(context: RemedyContext, before: Verdict) -> Iterator[Step]:
    about = [f for f in before.findings if f.id == "authentication.unlisted" and f.algorithm == "password"]
    if about and "publickey" in methods_for_everybody(context.observation):
        change = Change(
            kind="argument",
            text=("-s",),
            reasons=reasons(about),
            caution=YOUR_KEY,
        )
        yield Step(change, partial(with_methods, gone=("password",)))
