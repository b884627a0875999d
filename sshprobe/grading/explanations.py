"""What each finding means, in one table: the source of `sshprobe explain` and of the pages on findings."""

from __future__ import annotations

import msgspec

from sshprobe.algorithms import CLASSES
from sshprobe.errors import InputError
from sshprobe.grading.lists import WORDS


class FindingText(msgspec.Struct, frozen=True, kw_only=True):
    """A finding explained."""

    id: str
    title: str
    meaning: str
    why: str
    references: tuple[str, ...] = ()


# Kind, title, meaning, why; `{}` is the class of algorithms. One finding of each kind for each class.
_OF_LISTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "forbidden",
        "The profile forbids it",
        "Among the {} that the server offers is one that the profile names with MUST NOT or SHOULD NOT.",
        "Whoever wrote the profile judged it unsafe. A client that prefers it will get it.",
    ),
    (
        "unlisted",
        "Not in the profile, and not known to be as strong",
        "Among the {} that the server offers is one that the profile does not list, and that is weak, unknown, or "
        "weaker than the weakest the profile lists.",
        "Both sides settle on what the client prefers of what the server offers: each extra entry is one more that "
        "an old or hostile peer can choose.",
    ),
    (
        "stronger",
        "Not in the profile, but no weaker than it asks",
        "Among the {} that the server offers is one that the profile does not list, but that is at least as strong "
        "as the weakest it lists: often one newer than the profile.",
        "It costs nothing and leaves the host compliant. With --strict it is a deviation.",
    ),
    (
        "weak",
        "Weak, although the profile lets it pass",
        "Among the {} that the server offers is one that is weak by today's measure. The profile lists it, or says "
        "nothing of its kind, so it is no deviation.",
        "A guide grows old and its mistakes stay: weak is weak wherever it is listed.",
    ),
    (
        "missing",
        "Recommended, but not offered",
        "The profile recommends one that is not among the {} that the server offers.",
        "Clients set up by the same profile may find nothing in common. It is no weakness and costs nothing.",
    ),
)

_OTHERS: tuple[FindingText, ...] = (
    FindingText(
        id="protocol.ssh1",
        title="Speaks SSH-1",
        meaning="The identification says 1.99 (SSH-1 and SSH-2) or 1.x (SSH-1 only).",
        why="SSH-1 protects its packets with a CRC and can be altered by anyone in between. SSH-1 only is as good as "
        "no protection.",
        references=("RFC 4253 section 5", "OpenSSH 7.4 release notes"),
    ),
    FindingText(
        id="protocol.unlisted",
        title="A protocol version that the profile does not name",
        meaning="The identification has a version other than those of the profile.",
        why="No client knows what such a server means by it.",
        references=("RFC 4253 section 4.2",),
    ),
    FindingText(
        id="group_exchange.modulus",
        title="Group exchange with a small modulus",
        meaning="Asked for the smallest group it uses, the server sent a prime smaller than the "
        "profile or RFC 8270 allows.",
        why="Discrete logarithms of 1024 bits are within reach of states, and one computation serves for every "
        "connection that uses the same prime. 2048 bits are 112 bits of strength, 3072 are 128.",
        references=("RFC 4419", "RFC 8270", "https://weakdh.org", "NIST SP 800-57 Part 1 Rev. 5, Table 2"),
    ),
    FindingText(
        id="host_key.size",
        title="A small host key",
        meaning="The server proved itself by a key of fewer bits than the profile asks, or than 2048.",
        why="Who factors the key can pass for the server, to every client, unseen.",
        references=("NIST SP 800-131A Rev. 2", "NIST SP 800-57 Part 1 Rev. 5, Table 2"),
    ),
    FindingText(
        id="host_key.authority",
        title="A certificate of a weak authority",
        meaning="The certificate of the host key has a wrong signature, or one by a CA key that is small, DSA or signs "
        "with SHA-1.",
        why="Who can sign as the CA can make a certificate for every host that its clients trust.",
        references=("OpenSSH PROTOCOL.certkeys", "NIST SP 800-131A Rev. 2"),
    ),
    FindingText(
        id="host_key.unproven",
        title="A host key without proof",
        meaning="The server showed a host key, and its signature over the exchange hash was wrong.",
        why="It may not hold the key at all: someone in between, or a broken server. The size of a key that is not "
        "proven says nothing, and no verdict on it can be a pass.",
        references=("RFC 4253 section 8",),
    ),
    FindingText(
        id="host_key.unverified",
        title="A host key whose signature could not be checked",
        meaning="The server offers no key exchange that this tool can finish, so the key was seen but not proven.",
        why="It says nothing against the server, but without its proof the size of a key was not observed.",
        references=("RFC 4253 section 8",),
    ),
    FindingText(
        id="authentication.unlisted",
        title="A way to log in that the profile does not want",
        meaning='After a "none" request the server lists a method that the profile does not allow for this user.',
        why="Passwords can be guessed, at night, by anyone. A server lists the first method of each chain only: what a "
        "second factor adds is not seen.",
        references=("RFC 4252 section 5.2", "sshd_config(5) AuthenticationMethods"),
    ),
    FindingText(
        id="authentication.missing",
        title="A recommended way to log in is not offered",
        meaning="The profile recommends a method that the server does not list for the user that was asked about.",
        why="It may be offered to other users. It costs nothing.",
        references=("RFC 4252 section 5.2",),
    ),
    FindingText(
        id="authentication.none_accepted",
        title="Logs in without any credential",
        meaning='The server answered the first "none" request with success. The connection was closed at once.',
        why="Anyone who reaches the port is in.",
        references=("RFC 4252 section 5.2", "sshd_config(5) PermitEmptyPasswords"),
    ),
    FindingText(
        id="kex.terrapin",
        title="Terrapin: no strict key exchange",
        meaning="The server lacks kex-strict-s-v00@openssh.com and offers ChaCha20-Poly1305, or a CBC cipher with "
        "encrypt-then-MAC in the same direction.",
        why="Someone in between can cut off the first packets of a connection unseen, among them those that switch on "
        "protections. The client must have strict key exchange too.",
        references=("CVE-2023-48795", "https://terrapin-attack.com"),
    ),
    FindingText(
        id="kex.no_post_quantum",
        title="No post-quantum key exchange",
        meaning="None of the key exchange methods is a hybrid with ML-KEM or sntrup761.",
        why="Traffic recorded today can be read when large quantum computers exist. It takes no points, but there is "
        "no A+ without it.",
        references=("RFC 10042", "RFC 9941"),
    ),
)


def _table() -> dict[str, FindingText]:
    texts = {
        f"{category}.{kind}": FindingText(
            id=f"{category}.{kind}",
            title=title,
            meaning=meaning.format(WORDS[category]),
            why=why,
            references=("RFC 4253 section 7.1",),
        )
        for category in CLASSES
        for kind, title, meaning, why in _OF_LISTS
    }
    texts.update({text.id: text for text in _OTHERS})
    return texts


_TABLE = _table()


def finding_ids() -> list[str]:
    """All ids that a finding can have, sorted."""
    return sorted(_TABLE)


def explain_finding(id: str) -> FindingText:
    """What a finding means. Raises `InputError` for an unknown id."""
    try:
        return _TABLE[id]
    except KeyError:
        raise InputError(f"unknown finding `{id}`") from None
