"""Makes a profile from a model host: exactly its offers, with comments on weak ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, is_marker, lookup, weakness_of
from sshprobe.grading.assess import assess
from sshprobe.grading.checks.key_exchange import offers_strict_kex
from sshprobe.grading.offers import missing_lists
from sshprobe.grading.sizes import SAFE_MODULUS_BITS, group_exchange_methods, smallest_modulus
from sshprobe.grading.strength import has_post_quantum
from sshprobe.grading.users import accepted_without_credential, methods_of_all
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_unprintable
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Observation, endpoint
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import parse_profile


def golden_profile(observation: Observation, id: str | None = None, *, exact: bool = False) -> str:
    """Return the TOML of a profile that allows the offers of this host, with a comment on each weak name.

    The host always complies with the profile.

    Arguments:
        observation: the host, observed in full.
        id: id of the profile. Default: made from the host's name.
        exact: forbid all other algorithms, even stronger ones.

    Raises:
        InputError: if the host was not observed in full, or is not a good example.
    """
    _refuse(observation)
    lines = [*_head(observation, id), *_protocol(observation)]
    for category in ALGORITHM_TYPES:
        lines += _algorithms(observation, category, exact=exact)
        if category == "kex":
            lines += _group_exchange(observation)
        elif category == "host_key":
            lines += _key_sizes(observation)
    lines += _authentication(observation)
    text = "\n".join(lines) + "\n"
    try:
        profile = parse_profile(text, source="profile")
    except InputError as error:
        raise InputError(f"{_place(observation)} cannot be written as a profile: {error.message}") from None
    verdict = assess(observation, profile)
    if verdict.not_observed:
        raise InputError(f"{_place(observation)} was not observed in full: {', '.join(verdict.not_observed)}")
    if verdict.compliant is not True:
        wrong = [f"{each.id} {each.algorithm or ''}".strip() for each in verdict.findings if each.deviation]
        raise InputError(f"{_place(observation)} is not a good example: {', '.join(wrong)}")
    return "\n".join([*_remarks(verdict), text])


def _refuse(observation: Observation) -> None:
    place = _place(observation)
    if observation.status != "ok":
        reason = f": {observation.error}" if observation.error else ""
        raise InputError(f"{place} was not observed in full: {observation.status.replace('_', ' ')}{reason}")
    if observation.depth != "full":
        raise InputError(f"{place} was not observed in full: only its {observation.depth} were asked for")
    if observation.several_servers:
        raise InputError(f"{place} is several servers: connections met different ones")
    if accepted_without_credential(observation):
        raise InputError(f"{place} is not a good example: it logs in without any credential")
    for key in observation.host_keys or ():
        if key.signature_verified is not True:
            raise InputError(f"{place} was not observed in full: its {key.type} host key was not proven")


def _place(observation: Observation) -> str:
    return endpoint(observation.host, observation.port)


def _quoted(text: str) -> str:
    # A basic string of TOML has the escapes of JSON, except for characters beyond 16 bits.
    return json.dumps(text, ensure_ascii=all(ord(character) < 0x10000 for character in text))


def _head(observation: Observation, id: str | None) -> list[str]:
    day = observation.started_at[:10]
    made = re.sub(r"[^a-z0-9._-]+", "-", observation.host.lower()).strip("-.") or "host"
    return [
        f"id = {_quoted(f'golden-{made}' if id is None else id)}",
        f"title = {_quoted(f'As {_place(observation)} was')}",
        f"version = {_quoted(day)}",
        f"date = {_quoted(day)}",
        f"source = {_quoted(f'sshprobe profiles make, of {_place(observation)} as seen at {observation.started_at}')}",
    ]


def _where(observation: Observation) -> str:
    return f"where = {_quoted(f'{_place(observation)} on {observation.started_at[:10]}')}"


def _protocol(observation: Observation) -> list[str]:
    found = observation.identification
    if found is None:
        return []
    weak = "  # weak: speaks SSH-1" if found.protocol.startswith("1.") else ""
    return ["", "[protocol]", _where(observation), f"allowed = [{_quoted(found.protocol)}]{weak}"]


def _algorithms(observation: Observation, category: AlgorithmType, *, exact: bool) -> Iterator[str]:
    missing = list(missing_lists(observation, category))
    if missing:
        raise InputError(f"{_place(observation)} was not observed in full: {', '.join(missing)}")
    lists = [getattr(observation, field) for _, field in FIELDS[category]]
    names = list(
        dict.fromkeys(_of_every_mechanism(name) for found in lists for name in found if name and not is_marker(name))
    )
    if not names:
        return  # AEAD ciphers need no MAC
    yield from ("", f"[{category}]", _where(observation))
    if len({tuple(found) for found in lists}) > 1:
        yield "# The two directions differ: these are the names of both."
    if exact:
        yield 'others = "forbidden"'
    if category == "kex":
        yield from _required(names, lists[0])
    yield "allowed = ["
    for name in names:
        yield f"    {_quoted(name)},{_comment(category, name)}"
    yield "]"


def _required(names: list[str], offered: list[str]) -> Iterator[str]:
    """Yield the properties of the whole list: a server without them is weaker, even if all its names are allowed."""
    found = [
        *(["post-quantum"] if has_post_quantum(names) else []),
        *(["strict-kex"] if offers_strict_kex(offered) else []),
    ]
    if found:
        yield f"require = [{', '.join(map(_quoted, found))}]"


def _of_every_mechanism(name: str) -> str:
    entry = lookup("kex", name) if name.startswith("gss-") else None
    return name if entry is None else entry.name


def _comment(category: AlgorithmType, name: str) -> str:
    weak = weakness_of(category, name)
    return "" if weak is None else f"  # weak, {weak.severity}: {weak.words}"


def _group_exchange(observation: Observation) -> list[str]:
    if not group_exchange_methods(observation):
        return []
    bits = min((each.modulus_bits for each in observation.group_exchange or () if each.modulus_bits), default=None)
    if bits is None or smallest_modulus(observation, bits) is None:
        seen = "no group came" if bits is None else f"{bits} bits came, and a smaller one is possible"
        raise InputError(f"{_place(observation)} was not observed in full: its smallest group-exchange modulus: {seen}")
    weak = f"  # weak, high: less than {SAFE_MODULUS_BITS}" if bits < SAFE_MODULUS_BITS else ""
    return ["", "[group_exchange]", _where(observation), f"min_bits = {bits}{weak}"]


def _key_sizes(observation: Observation) -> list[str]:
    smallest: dict[str, int] = {}
    for key in observation.host_keys or ():
        entry = lookup("host_key", key.type)
        if entry is not None and entry.family in ("rsa", "dsa") and key.bits is not None:
            smallest[entry.family] = min(key.bits, smallest.get(entry.family, key.bits))
    if not smallest:
        return []
    weak = f"  # weak: less than {SAFE_MODULUS_BITS}"
    sizes = (f"{name} = {bits}{weak if bits < SAFE_MODULUS_BITS else ''}" for name, bits in sorted(smallest.items()))
    return ["", "[host_key.min_bits]", *sizes]


def _authentication(observation: Observation) -> list[str]:
    methods = methods_of_all(observation)
    if not methods:
        raise InputError(f"{_place(observation)} was not observed in full: its authentication methods")
    names = ", ".join(_quoted(method) for method in dict.fromkeys(methods) if method)
    chain = ["# A second factor after the key is invisible: a server lists only the first step of a chain."]
    guessed = [method for method in ("password", "keyboard-interactive") if method in methods]
    remark = (
        [f"# {' and '.join(guessed)}: passwords can be guessed; most guides want only publickey"] if guessed else []
    )
    remark = remark or chain
    return ["", "[authentication]", _where(observation), *remark, f"allowed = [{names}]"]


def _remarks(verdict: Verdict) -> Iterator[str]:
    """Yield the weaknesses that the host still has under the new profile: allowing them does not fix them."""
    yield "# Exactly the offers of this host. Read it before you apply it to other hosts."
    found = [each for each in verdict.findings if each.severity != "note"]
    if found:
        yield "# Weak, and costs points under this profile too. Remove what is not needed:"
    for each in found:
        about = each.id if each.algorithm is None else f"{each.id} {each.algorithm}"
        yield escape_unprintable(f"#   {each.severity}: {about}: {each.message}")
