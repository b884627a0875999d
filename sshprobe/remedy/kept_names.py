"""The names that an OpenSSH server keeps, and the lines of sshd_config for them.

A line must not lock out clients: names are added until clients of the server's release and of the next older one know
one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sshprobe.algorithms import AlgorithmType, canonical, in_openssh, lookup, names, weakness, weakness_of
from sshprobe.grading.checks.key_exchange import would_expose
from sshprobe.grading.strength import GROUP_EXCHANGE_FAMILIES, is_post_quantum
from sshprobe.remedy.remedy_context import NO_GSS, RemedyContext, not_waived
from sshprobe.remedy.replacements import post_quantum_exchanges

KEYWORDS: dict[AlgorithmType, tuple[str, str]] = {
    "kex": ("KexAlgorithms", "5.7+"),
    "host_key": ("HostKeyAlgorithms", "7.0+"),
    "cipher": ("Ciphers", "3.0+"),
    "mac": ("MACs", "3.0+"),
    "compression": ("Compression", "4.2+"),
}
"""sshd_config keyword of each type, and the releases of OpenSSH that know it (release notes; sshd_config(5))."""

CLIENTS = ("5.3", "6.0", "6.7", "7.4", "7.9", "8.4", "9.2", "10.0")
"""OpenSSH of RHEL 6 and of Debian 7 to 13: clients of a fleet have the server's release or the next older one."""

REMOVING = "7.5+"
"""Releases that accept "-name,name": their defaults without these names (release notes of 7.5, kex_assemble_names)."""

NOT_ALONE = "so that more is left than what is waived"

_WRITABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+/=-]*")
"""Names that are safe in a line. sshd ("-name", blanks) or Ansible's templates would misread other names of a
server."""


def has_keyword(context: RemedyContext, category: AlgorithmType) -> bool:
    """Return whether this release of OpenSSH has the option for a type. A hidden release counts as a recent one."""
    return in_openssh(KEYWORDS[category][1], context.version) is not False


def kept_names(context: RemedyContext, category: AlgorithmType) -> list[str]:
    """Return the names that stay, in the server's order.

    If only waived names stay, or none that the next older release of OpenSSH knows, names are added that the profile
    allows and this release knows. Empty: no such names, or a host key must be made first (`host_key_plan`).
    """
    if category == "host_key":
        found, new = host_key_plan(context)
        return [] if new is not None else found
    kept = _kept(context, category)
    if category == "kex" and context.needs_post_quantum:
        found = post_quantum_exchanges(
            context.profile, context.to_remove["kex"], context.platform, context.version, strict=context.strict
        )
        kept = [*(name for name in found if name not in kept), *kept]
    if category == "compression":
        return kept
    version = context.version
    found = kept
    if not not_waived(context, category, kept):
        found = list(dict.fromkeys([*_replacements(context, category), *kept]))
    if found and locked_out_clients(category, found, version):
        found = [*found, *(name for name in _replacements(context, category) if name not in found)]
        while len(found) > len(kept) + 1 and not locked_out_clients(category, found[:-1], version):
            found.pop()
    if category == "kex" and found and not any(map(proves_keys, found)):
        found = [*found, *(name for name in _replacements(context, category) if proves_keys(name))][: len(found) + 1]
    return found if found and not locked_out_clients(category, found, version) else []


def host_key_plan(context: RemedyContext) -> tuple[list[str], str | None]:
    """Return the host key algorithms to offer, and the one, if any, whose key must be made first.

    An existing key that also signs another way comes before a new one: the key of ssh-rsa also makes rsa-sha2-512.
    """
    version = context.version
    kept = _kept(context, "host_key")
    does = bool(kept) and not locked_out_clients("host_key", kept, version)
    if does and not_waived(context, "host_key", kept):
        return kept, None
    sound = _replacements(context, "host_key")
    there = {_kind_of_key(name) for name in context.observation.server_host_key_algorithms or ()}
    same = list(dict.fromkeys([*kept, *(name for name in sound if _kind_of_key(name) in there)]))
    if len(same) > len(kept) and not locked_out_clients("host_key", same, version):
        return same, None
    for family in ("ed25519", "ecdsa", "rsa"):
        for name in sound:
            alike = [other for other in sound if _kind_of_key(other) == _kind_of_key(name)]
            if _kind_of_key(name)[0] == family and not locked_out_clients("host_key", alike, version):
                return list(dict.fromkeys([*kept, *alike])), name
    return kept if does else [], None


def proves_keys(name: str) -> bool:
    """Return whether a scan can compute the exchange, and so check the signatures of host keys."""
    return not name.startswith("sntrup")


def config_line(context: RemedyContext, category: AlgorithmType) -> str | None:
    """Return the line of sshd_config with the remaining algorithms. None: there is no such line."""
    if category == "compression":
        # Without zlib@openssh.com, which starts after authentication, only "none" remains.
        value = "no" if "zlib@openssh.com" in context.to_remove[category] else "delayed"
        return f"Compression {value}" if has_keyword(context, category) else None
    # GSS-API methods have options of their own: KexAlgorithms refuses their names.
    left = [name for name in kept_names(context, category) if not name.startswith("gss-")]
    if not left or not has_keyword(context, category):
        return None
    value = ",".join(left)
    gone = ",".join(_gone_from_defaults(context, category, left))
    if gone and len(gone) < len(value):
        value = f"-{gone}"
    return f"{KEYWORDS[category][0]} {value}"


def _gone_from_defaults(context: RemedyContext, category: AlgorithmType, left: list[str]) -> list[str]:
    """Return the names that turn the defaults of the server into `left`, in its order. Empty: there are none.

    "-name,name" takes names from the built-in list, whatever other lines say. So the server must offer exactly the
    defaults of its release: a policy of the distribution or a line of its owner may have changed them. A host offers
    only the host key algorithms that it has keys for, so these say nothing about its list.
    """
    if category == "host_key" or in_openssh(REMOVING, context.version) is not True:
        return []
    there = [
        name for offer in context.offered[category].values() for name in offer.names if not name.startswith("gss-")
    ]
    if not set(left) <= set(there) or not _are_defaults(category, there, context.version):
        return []
    gone = [name for name in there if name not in left]
    # A distribution may have added another name of one of these from a later release (Debian), and a line of the owner
    # may hide it. sshd ignores unknown names here.
    same = {canonical(category, name) for name in gone}
    added = [
        name
        for name in names(category)
        if (entry := lookup(category, name)) is not None
        and (canonical(category, name) in same and name not in there)
        and (entry.openssh_in_code and not in_openssh(entry.openssh_in_code, context.version))
    ]
    return [*gone, *added]


def _are_defaults(category: AlgorithmType, offered: list[str], version: str | None) -> bool:
    """Return whether a release offers these names by default.

    A distribution may have added another name of a default, as Debian did to 9.2: the release itself does not know it,
    so no line could add it.
    """
    defaults = {
        name
        for name in names(category)
        if (entry := lookup(category, name)) is not None and in_openssh(entry.openssh_default, version)
    }
    same = {canonical(category, name) for name in defaults}
    added = [lookup(category, name) for name in offered if name not in defaults]
    return defaults <= set(offered) and all(
        entry is not None and canonical(category, entry.name) in same and not in_openssh(entry.openssh_in_code, version)
        for entry in added
    )


def no_gss_refused(context: RemedyContext) -> str | None:
    """Return why the advice cannot be `GSSAPIKeyExchange no`, the option for all exchanges by GSS-API. None: it can.

    It can if other exchanges are left and no waiver covers one that it removes.
    """
    found = context.offered["kex"]
    gss = {same for same in found if same.startswith("gss-")}
    if gss & context.waived["kex"]:
        return f"{NO_GSS} would also remove a waived method"
    others = [name for same, offer in found.items() if same not in gss for name in offer.names]
    if config_line(context, "kex") is not None:
        others = [name for name in kept_names(context, "kex") if not name.startswith("gss-")]
    sound = gss - context.to_remove["kex"]
    if not (not_waived(context, "kex", others) if sound else others):
        return f"{NO_GSS} would leave no key exchange" if not others else f"{NO_GSS} would leave only waived methods"
    return None


def first_release(context: RemedyContext, category: AlgorithmType) -> str:
    """Describe the first release with allowed names that do not lock out clients of the next older one."""
    rule = context.profile.algorithms(category)
    version = context.version
    entries = [lookup(category, name) for name in (() if rule is None else rule.allowed)]
    sound = [e for e in entries if e is not None and weakness(e) is None]
    known = [e for e in sound if in_openssh(e.openssh_in_code, version)]
    if known:
        # This release has such names, but no client of the next older one does.
        names_ = [e.name for e in known]
        releases = " and ".join(f"OpenSSH {release}" for release in locked_out_clients(category, names_, version))
        first = _first([e.openssh_default for e in sound])
        return f": what the profile leaves would lock out clients of {releases}" + (
            f"; they speak it from OpenSSH {first} on" if first else ""
        )
    first = _first([e.openssh_in_code for e in sound])
    return f": needs OpenSSH {first} or later, which has others" if first else ""


def removed_names(context: RemedyContext, category: AlgorithmType) -> list[str]:
    """Return the offered names that do not stay, sorted."""
    kept = set(host_key_plan(context)[0] if category == "host_key" else kept_names(context, category))
    found = context.offered[category].values()
    return sorted({name for offer in found for name in offer.names if name not in kept})


def added_reasons(context: RemedyContext, category: AlgorithmType, names: Iterable[str]) -> tuple[str, ...]:
    """Return the reasons for the `names` that the server does not offer yet."""
    there = {name for offer in context.offered[category].values() for name in offer.names}
    new = [name for name in names if name not in there]
    if category == "kex" and context.needs_post_quantum:
        quantum = list(filter(is_post_quantum, new))
        new = [name for name in new if name not in quantum]
        found = (f"{', '.join(quantum)}: added, as the profile requires a post-quantum exchange",) if quantum else ()
    else:
        found = ()
    stays = [name for name in names if name in there]
    why = "so that ordinary clients still find one" if not stays or not_waived(context, category, stays) else NOT_ALONE
    return (*found, *((f"{', '.join(new)}: added, {why}",) if new else ()))


def locked_out_clients(category: AlgorithmType, names: Iterable[str], version: str | None) -> list[str]:
    """Return the releases, among the server's own and the next older one, whose clients know none of `names`.

    Clients as installed: they offer at least what the server of their release does (myproposal.h has one list for both,
    or a longer one for the client).
    """
    entries = [entry for name in names if (entry := lookup(category, name)) is not None]
    releases = (_older_client(version), version or CLIENTS[-1])
    return [release for release in releases if not any(in_openssh(entry.openssh_default, release) for entry in entries)]


def _older_client(version: str | None) -> str:
    """Return the release of `CLIENTS` before a version, or the last but one for a hidden version."""
    if version is None:
        return CLIENTS[-2]
    older = [
        release
        for release in CLIENTS
        if in_openssh(f"{release}+", version) and not in_openssh(f"{release}..{release}", version)
    ]
    return older[-1] if older else CLIENTS[0]


def _kind_of_key(name: str) -> tuple[str, str]:
    entry = lookup("host_key", name)
    return ("", name) if entry is None else (entry.family, entry.curve)


def _kept(context: RemedyContext, category: AlgorithmType) -> list[str]:
    # A line is for both directions: a name of one direction may open the other to Terrapin.
    gone = context.to_remove[category]
    return [
        name
        for same, offer in context.offered[category].items()
        if same not in gone
        for name in offer.names
        if _WRITABLE.fullmatch(name)
        and not (len(offer.directions) == 1 and would_expose(context.observation, category, name))
    ]


def _replacements(context: RemedyContext, category: AlgorithmType) -> list[str]:
    """Return sound names that the profile allows and this release knows, or its defaults without a rule."""
    rule = context.profile.algorithms(category)
    version = context.version
    gone = context.to_remove[category] | (set() if rule is None else rule.forbidden(category))
    # A document that only forbids has no list of allowed names.
    named = () if rule is None else rule.allowed
    found = []
    for name in named or names(category):
        entry = lookup(category, name)
        if entry is None or weakness_of(category, name) is not None or canonical(category, name) in gone:
            continue
        if would_expose(context.observation, category, name):
            continue
        releases = entry.openssh_in_code if named else entry.openssh_default
        if in_openssh(releases, version) is True and entry.format in ("", "plain") and entry.hardware != "yes":
            found.append(name)
    # The moduli of a group exchange that is not on offer are unknown.
    fixed = [name for name in found if (e := lookup(category, name)) and e.family not in GROUP_EXCHANGE_FAMILIES]
    return fixed or found


def _first(releases: Iterable[str]) -> str | None:
    """Return the lowest release of cells like "6.2+"."""
    first = {cell[:-1] for cell in releases if cell.endswith("+")}
    return min(first, key=lambda text: tuple(map(int, text.split("."))), default=None)
