"""Terrapin, CVE-2023-48795, exactly as its authors define it.

F. Bäumer, M. Brinkmann, J. Schwenk, USENIX Security 2024. Their scanner (RUB-NDS/Terrapin-Scanner, tscanner.go) looks
at the first KEXINIT: no marker of strict key exchange, and ChaCha20-Poly1305 in a direction, or in one and the same
direction a CBC cipher and an encrypt-then-MAC. Here each direction is judged by itself, because what can be cut off is
what flows in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement
from sshprobe.model.observation import Observation

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


TERRAPIN = FindingType(
    id="kex.terrapin",
    title="Terrapin: no strict key exchange",
    severity="medium",
    deviation="if the profile requires strict key exchange, or no Terrapin",
    when="CVE-2023-48795, exactly as its authors test for it, in either direction",
    meaning="""The server lacks kex-strict-s-v00@openssh.com and its standard name kex-strict-s, and offers
        ChaCha20-Poly1305, or a CBC cipher with encrypt-then-MAC in the same direction. The finding says in which
        direction and by what.""",
    why="""Someone in between can cut off the first packets of that direction unseen, among them those that switch on
        protections. The client must have strict key exchange too.""",
    see="""`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal"; Terrapin-Scanner of the
        authors says the same.""",
    fix="""Update to a server with strict key exchange, OpenSSH 9.6 or later. Until then take out ChaCha20-Poly1305,
        and with it the CBC ciphers or the MACs that end in -etm@openssh.com.""",
    references=("CVE-2023-48795", "https://terrapin-attack.com"),
    label="Terrapin",
    weaknesses=("terrapin",),
    codes={"terrapin": "Terrapin (CVE-2023-48795)"},
    also_called=("terrapin",),
)

NO_STRICT_KEX = FindingType(
    id="kex.no_strict_kex",
    title="No strict key exchange, which the profile requires",
    severity="low",
    deviation="yes",
    when="the profile requires strict key exchange, the server has none, and `kex.terrapin` does not say so",
    meaning="""The server lacks kex-strict-s-v00@openssh.com and its standard name kex-strict-s. What it offers today
        is not open to Terrapin.""",
    why="""One line of configuration that switches ChaCha20-Poly1305 on opens it. Strict key exchange has been in
        OpenSSH since 9.6, and most distributions have put it into older releases.""",
    see="""`ssh -vv HOST` prints "KEX algorithms", and neither kex-strict-s-v00@openssh.com nor kex-strict-s is among
        them.""",
    fix="Update to a server with strict key exchange, OpenSSH 9.6 or later.",
    references=("OpenSSH PROTOCOL 1.9", "CVE-2023-48795", "https://terrapin-attack.com"),
    label="no strict key exchange",
    weaknesses=("no-strict-kex",),
    codes={"no-strict-kex": "no strict key exchange"},
)


def exposed_directions(observation: Observation) -> dict[str, list[str]]:
    """Return for each direction what is attackable in it, in words. Empty: safe, or the key exchanges were not seen."""
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
    """Return whether the key exchanges were seen, and have no marker of strict key exchange."""
    return observation.kex_algorithms is not None and not _is_strict(observation, observation.kex_algorithms)


def would_expose(observation: Observation, category: str, name: str) -> bool:
    """Return whether a server that offered `name` too would be open to Terrapin, as it has no strict key exchange."""
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


@check(TERRAPIN, NO_STRICT_KEX)
def terrapin(host: GradedHost) -> Iterator[Judgement]:
    """Find Terrapin, or that strict key exchange is missing where the profile requires it."""
    observation, profile = host.observation, host.profile
    required = () if profile.kex is None else profile.kex.require
    where = () if profile.kex is None else (profile.cite(profile.kex),)
    exposed = exposed_directions(observation)
    names = observation.kex_algorithms
    if exposed:
        directions = "both directions" if len(exposed) == len(DIRECTIONS) else next(iter(exposed))
        demanded = "strict-kex" in required or "no-terrapin" in required
        yield Judgement(
            TERRAPIN,
            severity="medium",
            message=f"Terrapin: no strict key exchange; {directions}",
            expected=f"{STRICT_KEX}, or neither ChaCha20-Poly1305 nor CBC with encrypt-then-MAC",
            observed="; ".join(f"{direction}: {', '.join(ways)}" for direction, ways in exposed.items()),
            references=(*(where if demanded else ()), *TERRAPIN.references),
            deviation=demanded,
        )
    elif names is not None and not _is_strict(observation, names) and "strict-kex" in required:
        yield Judgement(
            NO_STRICT_KEX,
            severity="low",
            message="no strict key exchange, which the profile requires",
            expected=STRICT_KEX,
            observed="no strict key exchange",
            references=(*where, "OpenSSH PROTOCOL 1.9", "CVE-2023-48795"),
            deviation=True,
        )
