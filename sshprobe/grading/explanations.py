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
        "It costs nothing and leaves the host compliant. With --strict, or where the profile has a closed list, it is "
        "a deviation.",
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
        id="group_exchange.not_safe_prime",
        title="A group that is no safe prime",
        meaning="The modulus of a group exchange, p, is not prime, or (p-1)/2 is not.",
        why="In other groups logarithms can be taken in small parts. A composite modulus may be a back door for "
        "who knows its factors.",
        references=("RFC 4419 section 3", "CVE-2016-0701"),
    ),
    FindingText(
        id="group_exchange.generator",
        title="A generator out of range",
        meaning="The generator of a group exchange is below 2 or above p-2.",
        why="All secrets made with it are among one or two numbers that anyone can write down.",
        references=("RFC 4419 section 3",),
    ),
    FindingText(
        id="group_exchange.standard_group",
        title="A group of an RFC in a group exchange",
        meaning="Asked for a group, the server sent one of RFC 2409 or RFC 3526. OpenSSH does so where its moduli "
        "file is missing or holds nothing that fits.",
        why="It costs nothing: the groups are sound from 2048 bits on. But who took small moduli out of the file "
        "may have taken out all.",
        references=("RFC 3526", "moduli(5)"),
    ),
    FindingText(
        id="host_key.malformed",
        title="An RSA modulus with a small factor",
        meaning="The modulus is even, or divisible by another number below 1000.",
        why="It is no product of two large primes. What is left of it may be easy to factor, and with the factors "
        "anyone can pass for the server.",
        references=("RFC 8017 section 3.1", "FIPS 186-5 appendix A.1"),
    ),
    FindingText(
        id="host_key.close_primes",
        title="An RSA key with primes close together",
        meaning="A few hundred steps of the method of Fermat (1643) factor the modulus.",
        why="Anyone can compute the private key within a second, and pass for the server. Some printers made such "
        "keys.",
        references=("CVE-2022-26320", "FIPS 186-5 appendix A.1.3"),
    ),
    FindingText(
        id="host_key.roca",
        title="ROCA: an RSA key of a faulty library",
        meaning="The modulus has the form that a library in chips of Infineon gave its keys. Of other moduli one in "
        "2^155 has it.",
        why="Such keys can be factored: one of 1024 bits for the price of a meal, one of 2048 bits for that of a car.",
        references=("CVE-2017-15361",),
    ),
    FindingText(
        id="host_key.exponent",
        title="An RSA key with a poor exponent",
        meaning="The public exponent is 1, even or larger than the modulus, or it is below 65537.",
        why="With an exponent of 1 everybody can sign. Small ones such as 3 have been enough to forge signatures "
        "where software checked them carelessly; with software that checks them well they do no harm.",
        references=("FIPS 186-5 appendix A.1.1", "CVE-2006-4339"),
    ),
    FindingText(
        id="host_key.known",
        title="A host key whose private half is known",
        meaning="The key is on the list that was given with --weak-keys.",
        why="Debian's OpenSSL of 2006 to 2008 could make only some 32,768 keys of each kind, and devices are sold "
        "with one key for all. Who has the list can pass for the server.",
        references=("CVE-2008-0166",),
    ),
    FindingText(
        id="host_key.shared",
        title="A host key that other machines have too",
        meaning="The same key was seen on other addresses of the sweep. It is a note where these agree in every key "
        "and in their identification: that may be one machine under several addresses, or clones of one "
        "image, and which cannot be told from outside.",
        why="Who breaks into one of the machines can pass for all of them. Clones of an image also share what "
        "else was made before the image was taken.",
        references=("RFC 4251 section 4.1", "NISTIR 7966"),
    ),
    FindingText(
        id="host_key.shared_prime",
        title="An RSA key that shares a prime with another",
        meaning="The modulus has a prime in common with that of another key of the sweep.",
        why="The greatest common divisor of the two is that prime, and gives both private keys to anyone who has "
        "seen both. It happens where keys are made at the first start, before there is any randomness.",
        references=("https://factorable.net", "USENIX Security 2012, Mining Your Ps and Qs"),
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
        id="profile.waiver_expired",
        title="A waiver that holds no more",
        meaning="The profile waives a finding of this host, but the host was seen after the last day of the waiver, or "
        "the record does not say when. What was waived counts again.",
        why="A waiver is a promise to look again. Who renews it should know why; most often it was forgotten.",
        references=("docs/profiles.md, Waivers",),
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
        id="kex.no_strict_kex",
        title="No strict key exchange, which the profile requires",
        meaning="The server lacks kex-strict-s-v00@openssh.com. What it offers today is not open to Terrapin.",
        why="One line of configuration that switches ChaCha20-Poly1305 on opens it. Strict key exchange has been in "
        "OpenSSH since 9.6, and most distributions have put it into older releases.",
        references=("OpenSSH PROTOCOL 1.9", "CVE-2023-48795", "https://terrapin-attack.com"),
    ),
    FindingText(
        id="kex.no_post_quantum",
        title="No post-quantum key exchange",
        meaning="None of the key exchange methods is a hybrid with ML-KEM or sntrup761.",
        why="Traffic recorded today can be read when large quantum computers exist. There is no A+ without it. It "
        "takes no points, unless the profile requires it: then it is a deviation.",
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
