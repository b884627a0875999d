"""Observations after a change, for the grade of a remedy. Each function returns a changed copy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from sshprobe.algorithms import AlgorithmType, canonical, is_marker, lookup
from sshprobe.grading.checks.user_keys import EXTENSION
from sshprobe.grading.users import answers_by_user, with_answers
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import HostKey, Observation, UserAuthentication

_MACS = dict(FIELDS["mac"])


def with_names(observation: Observation, category: AlgorithmType, names: Sequence[str]) -> Observation:
    """Offer exactly `names` in every observed list of a type. Markers stay, unused keys go."""
    return _with_lists(observation, category, lambda old: [*names, *(name for name in old if is_marker(name))])


def without_names(observation: Observation, category: AlgorithmType, gone: Collection[str]) -> Observation:
    """Offer no algorithm of the canonical names `gone`, in either direction."""
    return _with_lists(
        observation, category, lambda old: [name for name in old if canonical(category, name) not in gone]
    )


def with_others(
    observation: Observation, category: AlgorithmType, names: Sequence[str], gone: Collection[str]
) -> Observation:
    """Offer `names` in every list of a type, before the names that are not among the canonical names `gone`."""

    def change(old: list[str]) -> list[str]:
        kept = [name for name in old if canonical(category, name) not in gone]
        return [*(name for name in names if name not in kept), *kept]

    return _with_lists(observation, category, change)


def with_protocol_2(observation: Observation) -> Observation:
    """Speak SSH-2 alone, after an identification with 1.99."""
    found = observation.identification
    if found is None:  # in a record of another program
        return observation
    fixed = msgspec.structs.replace(found, protocol="2.0", raw=found.raw.replace("SSH-1.99-", "SSH-2.0-", 1))
    return msgspec.structs.replace(observation, identification=fixed)


def with_moduli(observation: Observation, least: int) -> Observation:
    """Use no group of fewer bits than `least`."""
    exchanges = [
        exchange
        if exchange.modulus_bits is None or exchange.modulus_bits >= least
        else msgspec.structs.replace(exchange, modulus_bits=least, modulus=None, generator=None)
        for exchange in observation.group_exchange or ()
    ]
    return msgspec.structs.replace(observation, group_exchange=exchanges)


def with_new_keys(observation: Observation, type: str, bits: int) -> Observation:
    """Show new keys of a type with `bits`, without blob and fingerprint, which are unknown."""
    keys = [
        msgspec.structs.replace(key, bits=bits, blob="", fingerprint="")
        if key.type == type and key.signature_verified is not False
        else key
        for key in observation.host_keys or ()
    ]
    return msgspec.structs.replace(observation, host_keys=keys)


def with_one_key(observation: Observation, names: Sequence[str], type: str, bits: int) -> Observation:
    """Offer only `names`, with a new key of `type` beside the fitting ones."""
    changed = with_names(observation, "host_key", names)
    if changed.host_keys is None:
        return changed
    made = HostKey(
        type=type,
        bits=bits,
        fingerprint="",
        blob="",
        signature_verified=True,
        signature_algorithm=names[0],
        kex_algorithm="",
    )
    return msgspec.structs.replace(changed, host_keys=[*(key for key in changed.host_keys if key.type != type), made])


def with_unchecked_keys(observation: Observation) -> Observation:
    """Show the same keys without proof, as for exchanges that a scan cannot compute."""
    keys = [
        key if key.signature_verified is False else msgspec.structs.replace(key, signature_verified=None)
        for key in observation.host_keys or ()
    ]
    return observation if not keys else msgspec.structs.replace(observation, host_keys=keys)


def with_methods(
    observation: Observation, *, more: Iterable[str] = (), only: str | None = None, gone: Iterable[str] = ()
) -> Observation:
    """Remove the methods `gone`, add `more`, and then keep only `only` if it is given."""

    def changed(answer: UserAuthentication) -> UserAuthentication:
        methods = [method for method in answer.methods or () if method not in set(gone)]
        methods += [method for method in more if method not in methods]
        if only is not None:
            methods = [method for method in methods if method == only]
        return msgspec.structs.replace(answer, methods=methods)

    return with_answers(observation, changed)


def without_user_signatures(observation: Observation, gone: Callable[[str], bool]) -> Observation:
    """Accept no user signature by an algorithm that is `gone` (server-sig-algs, RFC 8308 section 3.1)."""
    extensions = observation.extensions
    if extensions is None or EXTENSION not in extensions:
        return observation
    left = ",".join(name for name in extensions[EXTENSION].split(",") if not gone(name))
    return msgspec.structs.replace(observation, extensions={**extensions, EXTENSION: left})


def without_banner(observation: Observation) -> Observation:
    """Send no text before login."""
    return msgspec.structs.replace(observation, authentication_banner=None)


def usable(observation: Observation, waived: Mapping[AlgorithmType, Collection[str]]) -> tuple[int, ...]:
    """Return whether a client could use each list of algorithms and the methods. `waived`: canonical names by type.

    2: yes. 1: only waived names. 0: no. A direction without a MAC can use only AEAD ciphers.
    """
    found = []
    for category, fields in FIELDS.items():
        for direction, field in fields:
            there = [name for name in getattr(observation, field) or () if name and not is_marker(name)]
            if category == "cipher" and getattr(observation, _MACS[direction]) == []:
                there = [
                    name for name in there if (entry := lookup("cipher", name)) is not None and entry.aead == "yes"
                ]
            sound = any(canonical(category, name) not in waived[category] for name in there)
            found.append(bool(there) + sound)
    lists = [each.methods for each in answers_by_user(observation).values()]
    return (*found, 2 if lists and all(any(names or ()) for names in lists) else 0)


def with_a_refusal_of_none(observation: Observation) -> Observation:
    """Refuse "none". The methods that the server would list then are unknown."""

    def changed(answer: UserAuthentication) -> UserAuthentication:
        return msgspec.structs.replace(answer, none_accepted=False, methods=answer.methods or None)

    return with_answers(observation, changed)


def _with_lists(
    observation: Observation, category: AlgorithmType, change: Callable[[list[str]], list[str]]
) -> Observation:
    changes = {field: change(old) for _, field in FIELDS[category] if (old := getattr(observation, field)) is not None}
    changed = msgspec.structs.replace(observation, **changes)
    return _without_keys(changed) if category == "host_key" else changed


def _without_keys(observation: Observation) -> Observation:
    """Drop the host keys that no offered algorithm uses any more."""
    used = {
        (entry.family, entry.format)
        for name in observation.server_host_key_algorithms or ()
        if (entry := lookup("host_key", name)) is not None
    }

    def is_used(key: HostKey) -> bool:
        entry = lookup("host_key", key.type)
        return entry is None or (entry.family, entry.format) in used

    if observation.host_keys is None:
        return observation
    return msgspec.structs.replace(observation, host_keys=[key for key in observation.host_keys if is_used(key)])
