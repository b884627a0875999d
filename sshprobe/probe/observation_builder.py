"""What has been learnt of one host so far, and the `Observation` made of it.

Everything from the wire is escaped here, once, on its way into the record.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import ClassVar

import msgspec

from sshprobe.algorithms import lookup
from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Certificate, GroupExchange, HostKey, Identification, UserAuthentication
from sshprobe.probe.merged_name_list import MergedNameList
from sshprobe.probe.probe_progress import ExchangePlan
from sshprobe.wire import identification as wire_identification
from sshprobe.wire import messages
from sshprobe.wire.events import GroupReceived, HostKeyReceived
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.limits import GROUP_EXCHANGE_MODULUS_BITS
from sshprobe.wire.messages import KexInit
from sshprobe.wire.public_keys import Certificate as WireCertificate
from sshprobe.wire.public_keys import HostKey as WireHostKey

LINES_KEPT = 20
"""Lines before the identification that go into the record."""

TEXT_KEPT = 4096
"""Bytes of a banner or a line that go into the record."""

SMALL_GROUP = 2048
"""Bits below which a modulus is too small for every profile (RFC 8270)."""

_VERSION = re.compile(r"[_-](\d\S*)")


class ObservationBuilder(msgspec.Struct):
    """Mutable while the host is asked. Its attributes are those of `sshprobe.model.observation.Observation`."""

    lines: list[str] = []
    identification: Identification | None = None
    kexinit: KexInit | None = None
    """The first."""
    later_names: dict[str, MergedNameList] = {}
    """Name-list to what later KEXINITs named beyond the first."""
    host_keys: list[HostKey] = []
    other_host_keys: dict[str, HostKey] = {}
    """Family that was asked for to a key of another type, which the server showed in its place."""
    group_exchange: list[GroupExchange] = []
    extensions: dict[str, str] | None = None
    whole_extensions: dict[str, str] | None = None
    """Those of the first connection that got as far as an answer about the methods."""
    methods: dict[str, UserAuthentication] = {}
    """User to the answer for that user."""
    banner: str | None = None
    several_servers: bool = False
    strict_kex: bool | None = None
    """Whether each KEXINIT offered strict key exchange: it makes an address safe only if all servers there have it."""
    post_quantum_kex: bool | None = None
    """Whether each KEXINIT offered a key exchange that resists a quantum computer."""
    oddities: list[str] = []

    _lists_of: ClassVar = staticmethod(attrgetter(*messages.NAME_LISTS))

    def add_line(self, line: bytes) -> None:
        """Keep a line before the identification."""
        if len(self.lines) < LINES_KEPT:
            self.lines.append(escape_bytes(line, TEXT_KEPT))

    def add_identification(self, seen: wire_identification.Identification) -> None:
        """Keep the identification. The first one stays; say so if a later one differs in more than comments made anew.

        What does not speak SSH-2 ends the host in any case.
        """
        found, first = identification_record(seen), self.identification
        if first is None:
            self.identification = found
        elif found is not first and seen.speaks_2 and _lasting(found) != _lasting(first):
            self.several_servers = True
            self.warn("the identification differs between connections to this address")

    def add_kexinit(self, kexinit: KexInit) -> bool:
        """Keep the first lists; say so if later ones differ, as behind a load balancer of unlike servers.

        What only later ones name is kept too, within bounds (`MergedNameList`). Returns whether these are the same as
        the first.
        """
        if self.kexinit is not None and self._lists_of(kexinit) == self._lists_of(self.kexinit):
            return True
        is_strict = not messages.STRICT_KEX_SERVER.isdisjoint(kexinit.kex_algorithms)
        self.strict_kex = is_strict and self.strict_kex is not False
        self.post_quantum_kex = _any_post_quantum(kexinit.kex_algorithms) and self.post_quantum_kex is not False
        if self.kexinit is None:
            self.kexinit = kexinit
            return True
        for name in messages.NAME_LISTS:
            first, now = getattr(self.kexinit, name), getattr(kexinit, name)
            if now != first:
                self.several_servers = True
                self.warn(f"{name} differs between connections to this address")
                self.later_names.setdefault(name, MergedNameList(name)).add(now, frozenset(first))
        return False

    def add_host_key(self, event: HostKeyReceived) -> None:
        """Keep a host key, once; say so if there was another of its type, as behind a load balancer."""
        key = event.host_key
        blob = binascii.b2a_base64(key.blob, newline=False).decode("ascii")
        if event.hash_deviation is not None:
            self.warn(
                f"{event.kex_algorithm}: the server hashes other sizes than it was asked for ({event.hash_deviation})"
            )
        same_type = [known for known in self.host_keys if known.type == key.type]
        for known in same_type:
            if known.blob == blob:
                self._add_again(known, event)
                return
        if same_type:
            self.several_servers = True
            self.warn(f"the {key.type} host key differs between connections to this address")
        certificate = None if key.certificate is None else _certificate(key.certificate)
        if certificate is not None and certificate.ca_signature_verified is False:
            self.warn(f"the CA's signature of the {key.type} host key is wrong")
        self.host_keys.append(_host_key(event, blob, certificate))

    def add_other_host_key(self, key: WireHostKey | None, exchange: ExchangePlan) -> None:
        """Keep a host key of another type than was negotiated, if there was one: it proves nothing."""
        if key is not None:
            event = HostKeyReceived(key, False, exchange.host_key_algorithm, exchange.kex)
            blob = binascii.b2a_base64(key.blob, newline=False).decode("ascii")
            certificate = None if key.certificate is None else _certificate(key.certificate)
            self.other_host_keys[exchange.family] = _host_key(event, blob, certificate)

    def all_host_keys(self, answered: Collection[str]) -> list[HostKey]:
        """Return the host keys, and behind them those of another type than was asked for, where no right one came."""
        found = list(self.host_keys)
        if self.other_host_keys:
            found += [key for family, key in self.other_host_keys.items() if family not in answered]
        return found

    def add_group(self, kex: str, request: GroupExchangeRequest, group: GroupReceived | None) -> int | None:
        """Keep a request for a group and what it brought. Returns the bits of a sound one."""
        bits = None if group is None else group.modulus.bit_length()
        sound = bits
        if group is not None and group.fault is not None:
            self.warn(f"{kex}: {group.fault} ({bits} bits)")
            sound = None
            if group.modulus.bit_length() >= SMALL_GROUP:
                bits = None  # a large modulus that is not a group must not pass; a small one stays small
        self.group_exchange.append(
            GroupExchange(
                algorithm=kex,
                min=request.min,
                n=request.n,
                max=request.max,
                modulus_bits=bits,
                refused=group is None,
                modulus=None if group is None else hexadecimal(group.modulus),
                generator=None if group is None else hexadecimal(group.generator),
            )
        )
        return sound

    def add_methods(self, user: str, methods: tuple[bytes, ...] | None) -> None:
        """Keep the methods that `user` may use; None: "none" logged us in."""
        self.methods[user] = UserAuthentication(methods=list(_escaped(methods or ())), none_accepted=methods is None)

    def _add_again(self, known: HostKey, event: HostKeyReceived) -> None:
        """Keep what another exchange says of a key that is known: one right signature proves it."""
        before, now = known.signature_verified, event.signature_verified
        if {before, now} == {True, False}:
            wrong, right = known.kex_algorithm, event.kex_algorithm
            if before:
                wrong, right = right, wrong
            self.warn(f"the signature of the {known.type} host key was wrong with {wrong}, and is right with {right}")
        if now is None or before or now == before:
            return
        self.host_keys[self.host_keys.index(known)] = msgspec.structs.replace(
            known,
            signature_verified=now,
            signature_algorithm=event.signature_algorithm,
            kex_algorithm=event.kex_algorithm,
        )

    def add_extensions(self, pairs: tuple[tuple[bytes, bytes], ...], *, whole: bool = False) -> None:
        """Keep EXT_INFO of a connection; say so if that of an earlier one differs, where both are `whole`.

        It comes before any user is named (RFC 8308 section 2.4; a later one, at the login, is of those who got in).
        """
        found = _escaped_pairs(pairs)
        if whole and self.whole_extensions not in (None, found):
            self.several_servers = True
            self.warn("the extensions differ between connections to this address")
        if whole and self.whole_extensions is None:
            self.whole_extensions = found
        self.extensions = {**(self.extensions or {}), **found}

    def warn(self, message: str) -> None:
        """Keep an oddity, once."""
        if message not in self.oddities:
            self.oddities.append(message)

    @property
    def warnings(self) -> list[str]:
        """The oddities, and what was left out of the lists."""
        return [*self.oddities, *(words for later in self.later_names.values() for words in later.warnings())]

    # -- what follows from the lists -----------------------------------------------------------------------------

    def lists(self) -> Mapping[str, list[str] | None]:
        """Return the ten name-lists by their record names, each None if no KEXINIT was read.

        In the order of the first KEXINIT, and behind its names those that only later ones had.
        """
        if self.kexinit is None:
            return dict.fromkeys(messages.NAME_LISTS)
        lists = dict(zip(messages.NAME_LISTS, map(list, _escaped_lists(self._lists_of(self.kexinit))), strict=True))
        for name, later in self.later_names.items():
            lists[name] += later
        return lists

    def names_left_out(self) -> int:
        """Return how many names of algorithms later connections had that `lists` has not."""
        return sum(later.left_out for later in self.later_names.values() if later.of_algorithms)

    def hassh_server(self) -> str | None:
        """Return the MD5 of four lists that fingerprints a server's software and configuration (HASSH, 2018)."""
        if self.kexinit is None:
            return None
        return _hassh(
            self.kexinit.kex_algorithms,
            self.kexinit.encryption_algorithms_server_to_client,
            self.kexinit.mac_algorithms_server_to_client,
            self.kexinit.compression_algorithms_server_to_client,
        )


@lru_cache(maxsize=256)  # most servers of a fleet send one of a few
def identification_record(seen: wire_identification.Identification) -> Identification:
    """Return an identification as records have it."""
    software = escape_bytes(seen.software, TEXT_KEPT)
    version = _VERSION.search(software)
    return Identification(
        raw=escape_bytes(seen.raw, TEXT_KEPT),
        protocol=escape_bytes(seen.protocol),
        software=software,
        version=version[1] if version else None,
        comments=None if seen.comments is None else escape_bytes(seen.comments, TEXT_KEPT),
    )


_lasting = attrgetter("protocol", "software", "lasting_comments")


def is_post_quantum(kex: str) -> bool:
    """Return whether a key exchange name stands for a settled post-quantum method, hybrid or pure."""
    algorithm = lookup("kex", kex)
    return algorithm is not None and algorithm.post_quantum in ("hybrid", "pure")


@lru_cache(maxsize=256)  # fleets offer the same lists again and again; one who makes names up sends 2,048 in each
def _escaped(raw: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(map(escape_bytes, raw))


@lru_cache(maxsize=64)
def _escaped_lists(raw: tuple[tuple[bytes, ...], ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(_escaped, raw))


@lru_cache(maxsize=64)  # most servers of a fleet send one of a few; an entry has at most the names of a packet
def _escaped_pairs(raw: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    return {escape_bytes(name, TEXT_KEPT): escape_bytes(value, TEXT_KEPT) for name, value in raw}


@lru_cache(maxsize=64)
def _hassh(*lists: tuple[bytes, ...]) -> str:
    joined = b";".join(map(b",".join, lists))
    return hashlib.md5(joined, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=64)
def _any_post_quantum(kex_algorithms: tuple[bytes, ...]) -> bool:
    return any(map(is_post_quantum, _escaped(kex_algorithms)))


def hexadecimal(number: int) -> str | None:
    """Return a number of a group as moduli(5) writes it, or None for one so large that no group has it."""
    return f"{number:X}" if number.bit_length() <= GROUP_EXCHANGE_MODULUS_BITS else None


def _host_key(event: HostKeyReceived, blob: str, certificate: Certificate | None) -> HostKey:
    return HostKey(
        type=event.host_key.type,
        bits=event.host_key.bits,
        fingerprint=event.host_key.fingerprint,
        blob=blob,
        signature_verified=event.signature_verified,
        signature_algorithm=event.signature_algorithm,
        kex_algorithm=event.kex_algorithm,
        certificate=certificate,
    )


def _certificate(certificate: WireCertificate) -> Certificate:
    from sshprobe.wire.signatures import verify_certificate

    return Certificate(
        serial=certificate.serial,
        kind=certificate.kind_name,
        key_id=escape_bytes(certificate.key_id, TEXT_KEPT),
        principals=[escape_bytes(principal) for principal in certificate.principals],
        valid_after=certificate.valid_after,
        valid_before=certificate.valid_before,
        critical_options=[escape_bytes(name) for name, _ in certificate.critical_options],
        extensions=[escape_bytes(name) for name, _ in certificate.extensions],
        ca_type=certificate.ca_key.type,
        ca_bits=certificate.ca_key.bits,
        ca_fingerprint=certificate.ca_key.fingerprint,
        signature_algorithm=escape_bytes(certificate.signature_algorithm),
        ca_signature_verified=verify_certificate(certificate),
    )
