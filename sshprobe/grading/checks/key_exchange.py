"""The list of key exchanges as a whole: Terrapin, strict key exchange, and a post-quantum key exchange.

Terrapin is CVE-2023-48795, exactly as defined by its authors: F. Bäumer, M. Brinkmann, J. Schwenk, USENIX Security
2024. Their scanner (RUB-NDS/Terrapin-Scanner, tscanner.go) looks in the first KEXINIT for a missing marker of strict
key exchange, with ChaCha20-Poly1305, or with a CBC cipher and encrypt-then-MAC in one direction. Here each direction is
judged by itself, because an attacker cuts off packets of one direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.algorithms.openssh import STRICT_KEX
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
from sshprobe.grading.strength import has_post_quantum
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding

STRICT_KEX_NAMES = ("kex-strict-s", STRICT_KEX)
"""Both forms of the marker: draft-ietf-sshm-strict-kex-02 section 3.1 and OpenSSH PROTOCOL 1.9. Erlang, SharkSSH and
cryptlib also send the first one. The authors' scanner knows only the second."""

CHACHA20 = ("chacha20-poly1305@openssh.com", "chacha20-poly1305")
"""The authors' scanner knows only the first name. The second is the same cipher (draft-ietf-sshm-chacha20-poly1305)."""

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
        ChaCha20-Poly1305, or a CBC cipher with encrypt-then-MAC in the same direction. The finding names the direction
        and the algorithms.""",
    why="""A man in the middle can cut off the first packets of that direction unseen, among them those that switch
        protections on. The client must have strict key exchange too.""",
    see="""`ssh -vv HOST` prints the server's lists under "peer server KEXINIT proposal"; the authors' Terrapin-Scanner
        reports the same.""",
    fix="""Update to a server with strict key exchange, OpenSSH 9.6 or later. Until then remove ChaCha20-Poly1305, and
        either the CBC ciphers or the MACs that end in -etm@openssh.com.""",
    advice="update to a server with strict key exchange, OpenSSH 9.6 or later",
    advice_elsewhere="update to a server with strict key exchange",
    references=("CVE-2023-48795", "https://terrapin-attack.com"),
    label="Terrapin",
    codes={"terrapin": "Terrapin (CVE-2023-48795)"},
    also_called=("terrapin",),
)

NO_STRICT_KEX = FindingType(
    id="kex.no_strict_kex",
    title="No strict key exchange, which the profile requires",
    severity="low",
    deviation="yes",
    when="the profile requires strict key exchange, the server has none, and `kex.terrapin` does not report it",
    meaning="""The server lacks kex-strict-s-v00@openssh.com and its standard name kex-strict-s. Its present offers are
        not open to Terrapin.""",
    why="""A single line of configuration that switches ChaCha20-Poly1305 on opens it to Terrapin. OpenSSH has had
        strict key exchange since 9.6, and most distributions have added it to older releases.""",
    see="""`ssh -vv HOST` prints "KEX algorithms" without kex-strict-s-v00@openssh.com and kex-strict-s.""",
    fix="Update to a server with strict key exchange, OpenSSH 9.6 or later.",
    advice=TERRAPIN.advice,
    advice_elsewhere=TERRAPIN.advice_elsewhere,
    references=("OpenSSH PROTOCOL 1.9", "CVE-2023-48795", "https://terrapin-attack.com"),
    label="no strict key exchange",
    codes={"no-strict-kex": "no strict key exchange"},
)

NO_POST_QUANTUM = FindingType(
    id="kex.no_post_quantum",
    title="No post-quantum key exchange",
    severity="note with a cap of 97; medium if the profile requires one",
    deviation="if the profile requires one",
    when="no hybrid of ML-KEM or sntrup761 is on offer",
    why="""A large quantum computer will be able to read traffic that is recorded today. There is no A+ without such a
        key exchange, and no A if the profile requires one.""",
    see='`ssh -vv HOST` prints "KEX algorithms"; clients of OpenSSH 10.1 and later warn.',
    fix="Offer sntrup761x25519-sha512@openssh.com (OpenSSH 8.5 or later) or mlkem768x25519-sha256 (9.9 or later).",
    references=("RFC 10042", "RFC 9941"),
    cap=97,
    label="no post-quantum key exchange",
    codes={"no-post-quantum": "no post-quantum key exchange"},
)


def exposed_directions(observation: Observation) -> dict[str, list[str]]:
    """Describe the attackable algorithms of each direction. Empty: safe, or no key exchanges were seen."""
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
    """Return whether a list of key exchanges has a marker of strict key exchange, in either form."""
    return not set(STRICT_KEX_NAMES).isdisjoint(kex_algorithms)


def lacks_strict_kex(observation: Observation) -> bool:
    """Return whether the key exchanges were seen without a marker of strict key exchange."""
    return observation.kex_algorithms is not None and not _is_strict(observation, observation.kex_algorithms)


def would_expose(observation: Observation, category: str, name: str) -> bool:
    """Return whether `name` would open the server to Terrapin, for lack of strict key exchange."""
    if category not in ("cipher", "mac") or not lacks_strict_kex(observation):
        return False
    if category == "mac":
        return name.endswith("-etm@openssh.com") and _offers(observation, 1, "-cbc")
    return name in CHACHA20 or (name.endswith("-cbc") and _offers(observation, 2, "-etm@openssh.com"))


def _offers(observation: Observation, place: int, ending: str) -> bool:
    found = (getattr(observation, direction[place]) or () for direction in DIRECTIONS)
    return any(name.endswith(ending) for names in found for name in names)


def _is_strict(observation: Observation, kex_algorithms: list[str]) -> bool:
    # The list combines the offers of all servers at the address, and each must be strict.
    return offers_strict_kex(kex_algorithms) and not (observation.several_servers and observation.strict_kex is False)


@check(TERRAPIN, NO_STRICT_KEX)
def terrapin(host: GradedHost) -> Iterator[Finding]:
    """Find Terrapin, or strict key exchange that the profile requires and the server lacks."""
    observation, profile = host.observation, host.profile
    required = () if profile.kex is None else profile.kex.require
    where = () if profile.kex is None else (profile.cite(profile.kex),)
    exposed = exposed_directions(observation)
    names = observation.kex_algorithms
    if exposed:
        directions = "both directions" if len(exposed) == len(DIRECTIONS) else next(iter(exposed))
        demanded = "strict-kex" in required or "no-terrapin" in required
        yield TERRAPIN.judge(
            message=f"Terrapin: no strict key exchange; {directions}",
            expected=f"{STRICT_KEX}, or neither ChaCha20-Poly1305 nor CBC with encrypt-then-MAC",
            observed="; ".join(f"{direction}: {', '.join(ways)}" for direction, ways in exposed.items()),
            references=(*(where if demanded else ()), *TERRAPIN.references),
            deviation=demanded,
        )
    elif names is not None and not _is_strict(observation, names) and "strict-kex" in required:
        yield NO_STRICT_KEX.judge(
            message="no strict key exchange, which the profile requires",
            expected=STRICT_KEX,
            observed="no strict key exchange",
            references=(*where, "OpenSSH PROTOCOL 1.9", "CVE-2023-48795"),
        )


@check(NO_POST_QUANTUM)
def post_quantum(host: GradedHost) -> Iterator[Finding]:
    """Find a list without a hybrid. It is a deviation if the profile requires one."""
    observation, profile = host.observation, host.profile
    names = observation.kex_algorithms
    where = () if profile.kex is None else (profile.cite(profile.kex),)
    # The list combines the offers of all servers at the address, and each must have a hybrid.
    lacking = observation.several_servers and observation.post_quantum_kex is False
    if names is not None and (lacking or not has_post_quantum(names)):
        demanded = profile.kex is not None and "post-quantum" in profile.kex.require
        yield NO_POST_QUANTUM.judge(
            severity="medium" if demanded else "note",
            message="no post-quantum key exchange" + (", which the profile requires" if demanded else ""),
            expected="mlkem768x25519-sha256 or sntrup761x25519-sha512",
            observed="none offered",
            references=(*(where if demanded else ()), *NO_POST_QUANTUM.references),
            deviation=demanded,
            cap=None if demanded else NO_POST_QUANTUM.cap,
        )
