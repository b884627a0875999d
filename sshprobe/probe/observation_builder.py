"""Collects the facts about one host, and makes its `Observation`."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from operator import attrgetter
from typing import ClassVar

import msgspec

from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import (
    LONGEST_BANNER,
    GroupExchange,
    HostKey,
    Identification,
    Observation,
    UserAuthentication,
)
from sshprobe.probe.connections import Conversation
from sshprobe.probe.early_end import ConnectionEnded
from sshprobe.probe.merged_name_list import MergedNameList
from sshprobe.probe.probe_progress import ExchangePlan, ProbeProgress, Wanted
from sshprobe.probe.record_fields import (
    TEXT_KEPT,
    any_post_quantum,
    certificate_record,
    escape_lists,
    escape_names,
    escape_pairs,
    hassh,
    identification_record,
)
from sshprobe.wire import identification as wire_identification
from sshprobe.wire import messages
from sshprobe.wire.events import GroupReceived, HostKeyReceived
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.limits import GROUP_EXCHANGE_MODULUS_BITS
from sshprobe.wire.messages import KexInit
from sshprobe.wire.public_keys import HostKey as WireHostKey

LINES_KEPT = 20
"""The most lines before the identification in a record."""

SMALL_GROUP = 2048
"""A modulus of fewer bits is too small for every profile (RFC 8270)."""

_UNSEEN = UserAuthentication(methods=None, none_accepted=None)


class ObservationBuilder(msgspec.Struct):
    """The facts. Its attributes are like those of `sshprobe.model.observation.Observation`."""

    lines: list[str] = []
    identification: Identification | None = None
    kexinit: KexInit | None = None
    """The first."""
    later_names: dict[str, MergedNameList] = {}
    """Name-list to the names that only later KEXINITs have."""
    host_keys: list[HostKey] = []
    other_host_keys: dict[str, HostKey] = {}
    """Requested family to the key of another type that the server showed."""
    group_exchange: list[GroupExchange] = []
    extensions: dict[str, str] | None = None
    whole_extensions: dict[str, str] | None = None
    """Those of the first connection with an answer about the methods."""
    methods: dict[str, UserAuthentication] = {}
    """User to the answer."""
    banner: str | None = None
    several_servers: bool = False
    strict_kex: bool | None = None
    """Whether each KEXINIT offered strict key exchange: it makes an address safe only if all servers there have it."""
    post_quantum_kex: bool | None = None
    """Whether each KEXINIT offered a key exchange that resists a quantum computer."""
    oddities: list[str] = []

    _lists_of: ClassVar = staticmethod(attrgetter(*messages.NAME_LISTS))
    _fingerprinted: ClassVar = staticmethod(
        attrgetter(
            "kex_algorithms",
            "encryption_algorithms_server_to_client",
            "mac_algorithms_server_to_client",
            "compression_algorithms_server_to_client",
        )
    )

    def add_line(self, line: bytes) -> None:
        """Keep a line before the identification."""
        if len(self.lines) < LINES_KEPT:
            self.lines.append(escape_bytes(line, TEXT_KEPT))

    def add_identification(self, seen: wire_identification.Identification) -> None:
        """Keep the first identification. Warn if a later one differs by more than random comments.

        A server without SSH-2 ends the host in any case.
        """
        found, first = identification_record(seen), self.identification
        if first is None:
            self.identification = found
        elif found is not first and seen.speaks_2 and _lasting(found) != _lasting(first):
            self.several_servers = True
            self.warn("the identification differs between connections to this address")

    def add_kexinit(self, kexinit: KexInit) -> bool:
        """Keep the first lists. Return whether these are the same.

        Warn if they differ, as behind a load balancer with different servers. Names of later lists are kept within
        limits (`MergedNameList`).
        """
        if self.kexinit is not None and self._lists_of(kexinit) == self._lists_of(self.kexinit):
            return True
        is_strict = not messages.STRICT_KEX_SERVER.isdisjoint(kexinit.kex_algorithms)
        self.strict_kex = is_strict and self.strict_kex is not False
        self.post_quantum_kex = any_post_quantum(kexinit.kex_algorithms) and self.post_quantum_kex is not False
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
        """Keep a host key, once. Warn about a different one of the same type, as behind a load balancer."""
        key = event.host_key
        blob = _base64(key.blob)
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
        added = _host_key(event, blob)
        if added.certificate is not None and added.certificate.ca_signature_verified is False:
            self.warn(f"the CA's signature of the {key.type} host key is wrong")
        self.host_keys.append(added)

    def add_other_host_key(self, key: WireHostKey | None, exchange: ExchangePlan) -> None:
        """Keep a host key of another type than negotiated, if there is one: it proves nothing."""
        if key is not None:
            event = HostKeyReceived(key, False, exchange.host_key_algorithm, exchange.kex)
            self.other_host_keys[exchange.family] = _host_key(event, _base64(key.blob))

    def add_group(self, kex: str, request: GroupExchangeRequest, group: GroupReceived | None) -> int | None:
        """Keep a request for a group and its answer. Returns the bits of a sound group."""
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

    def add_authentication(
        self, asked: Conversation, methods: tuple[bytes, ...] | None, failure: ConnectionEnded | None, *, is_first: bool
    ) -> None:
        """Keep the answer to a request for the methods of a user. `is_first`: of the first user.

        `failure`: the end of the connection before the answer.
        """
        if failure is not None:
            self.warn(
                f"authentication methods{'' if is_first else f' of {escape_bytes(asked.user.encode())}'}: {failure}"
            )
        if asked.extensions is not None:
            self.add_extensions(asked.extensions, whole=failure is None)
        if asked.banner is not None and is_first:
            self.banner = escape_bytes(asked.banner, LONGEST_BANNER)
        if failure is None:
            self.add_methods(asked.user, methods)

    def add_methods(self, user: str, methods: tuple[bytes, ...] | None) -> None:
        """Keep the methods that `user` may use; None: "none" logged us in."""
        self.methods[user] = UserAuthentication(
            methods=list(escape_names(methods or ())), none_accepted=methods is None
        )

    def _add_again(self, known: HostKey, event: HostKeyReceived) -> None:
        """Update a known key from another exchange: one right signature proves it."""
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
        """Keep the EXT_INFO of a connection. Warn if it differs from an earlier one and both are `whole`.

        It comes before we name a user (RFC 8308 section 2.4; a later one follows a login).
        """
        found = escape_pairs(pairs)
        if whole and self.whole_extensions not in (None, found):
            self.several_servers = True
            self.warn("the extensions differ between connections to this address")
        if whole and self.whole_extensions is None:
            self.whole_extensions = found
        self.extensions = {**(self.extensions or {}), **found}

    def warn(self, message: str) -> None:
        """Keep a warning, once."""
        if message not in self.oddities:
            self.oddities.append(message)

    @property
    def warnings(self) -> list[str]:
        """The warnings, and notes on names that were left out."""
        return [*self.oddities, *(words for later in self.later_names.values() for words in later.warnings())]

    def observation(self, bare: Observation, progress: ProbeProgress, wanted: Wanted) -> Observation:
        """Return `bare` (target, status, times) with all facts. Later changes of the facts do not reach it."""
        asked = self.kexinit is not None
        first = wanted.users[0]
        answer = self.methods.get(first, _UNSEEN)
        by_user: dict[str, UserAuthentication] | None = None
        if wanted.authentication and asked:
            by_user = {first: answer}
            for user in progress.further:
                by_user[user] = self.methods.get(user, _UNSEEN)
        host_keys = [*self.host_keys]
        # Then those of another type than requested, if no right one arrived.
        host_keys += [key for family, key in self.other_host_keys.items() if family not in progress.answered]
        return msgspec.structs.replace(
            bare,
            **self.lists(),
            lines_before_identification=list(self.lines),
            identification=self.identification,
            first_kex_packet_follows=self.kexinit.first_kex_packet_follows if self.kexinit else None,
            host_keys=host_keys if wanted.host_keys and asked else None,
            group_exchange=list(self.group_exchange) if wanted.group_exchange and asked else None,
            extensions=self.extensions,
            authentication_user=first if wanted.authentication else None,
            authentication_methods=answer.methods,
            authentication_none_accepted=answer.none_accepted,
            authentication_by_user=by_user,
            authentication_banner=self.banner,
            hassh_server=self.hassh_server(),
            strict_kex=self.strict_kex,
            post_quantum_kex=self.post_quantum_kex,
            several_servers=self.several_servers,
            names_left_out=self.names_left_out(),
            warnings=self.warnings,
        )

    def lists(self) -> Mapping[str, list[str] | None]:
        """Return the ten name-lists by their record names, each None if no KEXINIT was read.

        The names of the first KEXINIT in its order, then those of later ones.
        """
        if self.kexinit is None:
            return dict.fromkeys(messages.NAME_LISTS)
        lists = dict(zip(messages.NAME_LISTS, map(list, escape_lists(self._lists_of(self.kexinit))), strict=True))
        for name, later in self.later_names.items():
            lists[name] += later
        return lists

    def names_left_out(self) -> int:
        """Return the number of algorithm names of later connections that are not in `lists`."""
        return sum(later.left_out for later in self.later_names.values() if later.of_algorithms)

    def hassh_server(self) -> str | None:
        """Return the fingerprint of four lists (`record_fields.hassh`)."""
        return None if self.kexinit is None else hassh(*self._fingerprinted(self.kexinit))


_lasting = attrgetter("protocol", "software", "lasting_comments")


def hexadecimal(number: int) -> str | None:
    """Return a number of a group in the form of moduli(5), or None if it is too large for any group."""
    return f"{number:X}" if number.bit_length() <= GROUP_EXCHANGE_MODULUS_BITS else None


def _base64(blob: bytes) -> str:
    return binascii.b2a_base64(blob, newline=False).decode("ascii")


def _host_key(event: HostKeyReceived, blob: str) -> HostKey:
    certificate = event.host_key.certificate
    return HostKey(
        type=event.host_key.type,
        bits=event.host_key.bits,
        fingerprint=event.host_key.fingerprint,
        blob=blob,
        signature_verified=event.signature_verified,
        signature_algorithm=event.signature_algorithm,
        kex_algorithm=event.kex_algorithm,
        certificate=None if certificate is None else certificate_record(certificate),
    )
