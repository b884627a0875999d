"""Terrapin, CVE-2023-48795, exactly as its authors define it.

F. Bäumer, M. Brinkmann, J. Schwenk, USENIX Security 2024. Their scanner (RUB-NDS/Terrapin-Scanner, tscanner.go) looks
at the first KEXINIT: no marker of strict key exchange, and ChaCha20-Poly1305 in a direction, or in one and the same
direction a CBC cipher and an encrypt-then-MAC. Here each direction is judged by itself, because what can be cut off is
what flows in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.grading.score import Judgement
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile

STRICT_KEX = "kex-strict-s-v00@openssh.com"
"""The marker that servers in use send."""

STRICT_KEX_NAMES = ("kex-strict-s", STRICT_KEX)
"""Both forms of the marker: draft-ietf-sshm-strict-kex-02 section 3.1 and OpenSSH PROTOCOL 1.9. Erlang, SharkSSH and
cryptlib send the first one too. The authors' scanner knows the second one alone."""

CHACHA20 = ("chacha20-poly1305@openssh.com", "chacha20-poly1305")
"""The authors know the first name alone; the second is the same cipher (draft-ietf-sshm-chacha20-poly1305)."""

DIRECTIONS = (
    ("client to server", "encryption_algorithms_client_to_server", "mac_algorithms_client_to_server"),
    ("server to client", "encryption_algorithms_server_to_client", "mac_algorithms_server_to_client"),
)


def exposed_directions(observation: Observation) -> dict[str, list[str]]:
    """Direction to what is attackable in it, in words. Empty: safe, or the key exchanges were not seen."""
    if observation.kex_algorithms is None or _is_strict(observation, observation.kex_algorithms):
        return {}
    found: dict[str, list[str]] = {}
    for direction, ciphers_field, macs_field in DIRECTIONS:
        ciphers = getattr(observation, ciphers_field) or ()
        macs = getattr(observation, macs_field) or ()
        cbc = sorted({name for name in ciphers if name.endswith("-cbc")})
        etm = sorted({name for name in macs if name.endswith("-etm@openssh.com")})
        ways = sorted(set(CHACHA20) & set(ciphers))
        if cbc and etm:
            ways.append(f"{' or '.join(cbc)} with {' or '.join(etm)}")
        if ways:
            found[direction] = ways
    return found


def offers_strict_kex(kex_algorithms: Iterable[str]) -> bool:
    """Return whether a server's key exchanges have a marker of strict key exchange, in either form."""
    return not set(STRICT_KEX_NAMES).isdisjoint(kex_algorithms)


def lacks_strict_kex(observation: Observation) -> bool:
    """Whether the key exchanges were seen, and have no marker of strict key exchange."""
    return observation.kex_algorithms is not None and not _is_strict(observation, observation.kex_algorithms)


def would_expose(observation: Observation, category: str, name: str) -> bool:
    """Whether a server that offered `name` too would be open to Terrapin, as it has no strict key exchange."""
    if category not in ("cipher", "mac") or not lacks_strict_kex(observation):
        return False
    if category == "mac":
        return name.endswith("-etm@openssh.com") and _offers(observation, 1, "-cbc")
    return name in CHACHA20 or (name.endswith("-cbc") and _offers(observation, 2, "-etm@openssh.com"))


def _offers(observation: Observation, place: int, ending: str) -> bool:
    found = (getattr(observation, direction[place]) or () for direction in DIRECTIONS)
    return any(name.endswith(ending) for names in found for name in names)


def _is_strict(observation: Observation, kex_algorithms: list[str]) -> bool:
    """Of several servers at one address each has to be: the list has what any of them offers."""
    return offers_strict_kex(kex_algorithms) and not (observation.several_servers and observation.strict_kex is False)


def judge_terrapin(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`kex.terrapin`, and `kex.no_strict_kex` where it does not say so: deviations where the profile requires it."""
    required = () if profile.kex is None else profile.kex.require
    where = () if profile.kex is None else (profile.cite(profile.kex),)
    exposed = exposed_directions(observation)
    names = observation.kex_algorithms
    if exposed:
        directions = "both directions" if len(exposed) == len(DIRECTIONS) else next(iter(exposed))
        demanded = "strict-kex" in required or "no-terrapin" in required
        yield Judgement(
            id="kex.terrapin",
            severity="medium",
            category="kex",
            message=f"Terrapin: no strict key exchange; {directions}",
            expected=f"{STRICT_KEX}, or neither ChaCha20-Poly1305 nor CBC with encrypt-then-MAC",
            observed="; ".join(f"{direction}: {', '.join(ways)}" for direction, ways in exposed.items()),
            references=(*(where if demanded else ()), "CVE-2023-48795", "https://terrapin-attack.com"),
            deviation=demanded,
        )
    elif names is not None and not _is_strict(observation, names) and "strict-kex" in required:
        yield Judgement(
            id="kex.no_strict_kex",
            severity="low",
            category="kex",
            message="no strict key exchange, which the profile requires",
            expected=STRICT_KEX,
            observed="no strict key exchange",
            references=(*where, "OpenSSH PROTOCOL 1.9", "CVE-2023-48795"),
            deviation=True,
        )
