"""The key exchange of one connection: both KEXINITs, one run of a method, the host key and the keys.

Both KEXINITs determine strict key exchange and whether the server's guess is wrong (RFC 4253 section 7). The server's
reply determines the exchange hash and the keys. The hash covers both identifications, both KEXINITs and the fields of
the method (section 8). Its signature proves that the server has the private key of its host key.
"""

from __future__ import annotations

import os
from functools import lru_cache
from operator import attrgetter

import msgspec

from sshprobe.wire import states
from sshprobe.wire.client_kexinit import broad_guess, broad_kexinit, negotiate
from sshprobe.wire.codec import strings
from sshprobe.wire.errors import LocalProtocolError, RemoteProtocolError
from sshprobe.wire.events import Event, GroupReceived, HostKeyReceived, KexInitReceived
from sshprobe.wire.host_keys import (
    OtherHostKey,
    expected_blob_type,
    host_key_family,
    parse_host_key,
    parse_unknown_host_key,
)
from sshprobe.wire.kex.dh import FixedGroupExchange, GroupExchange
from sshprobe.wire.kex.exchange import HASHES, GroupExchangeRequest, KeyExchange, KeyPairs, Reply, Secrets
from sshprobe.wire.kex.methods import METHODS
from sshprobe.wire.messages import (
    EXT_INFO_CLIENT,
    KEX_ECDH_REPLY,
    KEXINIT,
    NAME_LISTS,
    STRICT_KEX_CLIENT,
    STRICT_KEX_SERVER,
    KexInit,
)
from sshprobe.wire.public_keys import HostKey
from sshprobe.wire.states import GROUP_STATES, GUESS_STATES, State
from sshprobe.wire.suites import Suite

_FAMILIES = {
    "ecdh": (states.ECDH, states.ECDH_GUESSED),
    "hybrid": (states.ECDH, states.ECDH_GUESSED),
    "dh": (states.DH, states.DH_GUESSED),
    "gex": (states.GEX, states.GEX_GUESSED),
}
"""Kind of method to the transition that both KEXINITs determine, without and with a wrong guess of the server."""

_negotiated = attrgetter(*NAME_LISTS[:8])  # all but the languages
_encryption = attrgetter(*NAME_LISTS[2:8])


class Handshake(msgspec.Struct):
    """One key exchange."""

    client_identification: bytes
    """Ours, without line end."""
    key_pairs: KeyPairs
    method: str = ""
    """The name of the method, once `choose` was called."""
    run: KeyExchange | None = None
    """Its run, from then on."""
    server_identification: bytes = b""
    strict: bool = False
    """Whether this is a strict key exchange (draft-ietf-sshm-strict-kex). We always offer it."""
    outcome: str = ""
    """The transition of `State.AGREED` that both KEXINITs determine, once both are known."""
    breach: str = ""
    """The error in the server's KEXINIT, for people; "" if there is none."""
    keys: tuple[Suite, Secrets] | None = None
    """The input of key derivation; None if nothing encrypted can follow."""
    _server: KexInit | None = None
    _server_kexinit: bytes = b""
    _client_kexinit: bytes = b""
    _is_first: bool = True  # whether the server's KEXINIT was its first packet
    _proposed: bool = False
    _expected: KexInit | None = None  # lists of an earlier connection that our KEXINIT answers
    _host_key_algorithm: str = ""
    _suite: Suite | None = None

    def propose(self) -> bytes:
        """Return the payload of a KEXINIT with all our algorithms."""
        self._proposed = True
        self._client_kexinit = broad_kexinit()
        return self._client_kexinit

    def choose(
        self,
        method: str,
        host_key_algorithm: str,
        suite: Suite | None,
        request: GroupExchangeRequest | None,
        expected: KexInit | None,
    ) -> tuple[bytes | None, bytes]:
        """Return the payloads of the KEXINIT that names these algorithms, and of the first message of the method.

        The KEXINIT is None if `propose` has named the algorithms. Otherwise it answers the server's KEXINIT, or
        `expected` if that has not been received. Raises `LocalProtocolError` for a method that we do not speak, and for
        algorithms that were not negotiated.
        """
        server = self._server if expected is None else expected
        assert server is not None  # the state says so
        if self._proposed:
            agreed = negotiate(server)
            if agreed is None or (agreed.kex, agreed.host_key_algorithm) != (method, host_key_algorithm):
                raise LocalProtocolError("not what was negotiated")
        self.run = run = new_key_exchange(method, request, self.key_pairs)
        self.method, self._host_key_algorithm, self._suite = method, host_key_algorithm, suite
        self._expected = expected
        kexinit = None
        if not self._proposed:
            rest = _after_cookie(method, host_key_algorithm, suite, _encryption(server))
            kexinit = self._client_kexinit = bytes((KEXINIT,)) + os.urandom(16) + rest
        if self._server is not None:
            self.outcome = self._agree(self._server)
        return kexinit, run.first

    def read(self, payload: bytes, before: State, *, is_first: bool) -> tuple[Event | None, bytes | None, str]:
        """Read a packet that came in the state `before`. Return its event, the payload that answers it, and its result.

        The result is a transition of `sshprobe.wire.states`; "" if the number of the message has decided the state.
        `is_first`: it was the server's first packet. Raises `RemoteProtocolError` if it is malformed.
        """
        if payload[0] == KEXINIT and before not in GUESS_STATES:
            server = self._server = KexInit.parse(payload)
            self._server_kexinit = payload
            self._is_first = is_first
            if self.method:
                self.outcome = self._agree(server)
            return KexInitReceived(server), None, self.outcome
        run = self.run
        assert run is not None  # the state says so
        if before in GUESS_STATES:
            event, message = self._read_guess(run, payload)
            return event, message, "" if event is None else states.ANSWER
        if before in GROUP_STATES:
            assert isinstance(run, GroupExchange)  # the state says so
            group, message = run.read_group(payload)
            return group, message, states.BAD_GROUP if message is None else ""
        return self._read_reply(run, payload), None, ""

    def request_in_old_form(self) -> bytes:
        """Return the request of a group exchange in its old form, for a server that does not implement the new one."""
        assert isinstance(self.run, GroupExchange)  # the state says so
        return self.run.start_again()

    def _agree(self, server: KexInit) -> str:
        """Return the transition that both KEXINITs determine."""
        self.strict = not STRICT_KEX_SERVER.isdisjoint(server.kex_algorithms)
        if self.strict and not self._is_first:
            self.breach = "something came before KEXINIT under strict key exchange"
        elif self._expected is not None and not self._is_offered(server, self._expected):
            self.breach = "KEXINIT does not offer what it was expected to"
        if self.breach:
            return states.RULE_BROKEN
        right, wrong = _FAMILIES[METHODS[self.method].kind]
        if not server.first_kex_packet_follows:
            return right
        # RFC 4253 section 7: a wrong guess is ignored, a right one is the first message of the exchange.
        guess = (*server.kex_algorithms[:1], *server.server_host_key_algorithms[:1])
        ours = broad_guess() if self._proposed else (self.method.encode(), self._host_key_algorithm.encode())
        return right if guess == ours else wrong

    def _is_offered(self, server: KexInit, expected: KexInit) -> bool:
        """Return whether `server` offers all names of our KEXINIT, which answers `expected`."""
        if _negotiated(server) == _negotiated(expected):
            return True
        named = _negotiated(KexInit.parse(self._client_kexinit))
        return all(set(names[:1]) <= set(offered) for names, offered in zip(named, _negotiated(server), strict=True))

    def _read_reply(self, run: KeyExchange, payload: bytes) -> HostKeyReceived:
        """Read the server's reply and verify its signature. Raises `RemoteProtocolError` if it is malformed."""
        kexinits = strings(self._client_kexinit, self._server_kexinit)
        transcript = _identification_strings(self.client_identification, self.server_identification) + kexinits
        algorithm, reply = self._host_key_algorithm, run.read_reply(payload)
        host_key = _parse_host_key(algorithm, reply.host_key)
        verified, secrets, deviation = _verify_reply(run, algorithm, host_key, reply, transcript)
        self.keys = None if self._suite is None or secrets is None else (self._suite, secrets)
        return HostKeyReceived(host_key, verified, algorithm, self.method, deviation, self.keys is not None)

    def _read_guess(
        self, run: KeyExchange, payload: bytes
    ) -> tuple[GroupReceived | HostKeyReceived | None, bytes | None]:
        """Ignore a wrong guess, but read the answer to our message. Return its event and our message, if any.

        RFC 4253 section 7 has us ignore the packet. But some servers announce a guess and send none: in their method
        the client sends first. A reply whose signature is right was made for this exchange, and a group is never a
        guess.
        """
        if payload[0] != KEX_ECDH_REPLY:  # the number of KEXDH_REPLY too
            return None, None
        try:
            if isinstance(run, GroupExchange):
                group, message = run.read_group(payload)
                return (group, message) if message is not None else (None, None)
            reply = self._read_reply(run, payload)
        except RemoteProtocolError:
            return None, None
        return (reply if reply.signature_verified else None), None


def _verify_reply(
    kex: KeyExchange, algorithm: str, host_key: HostKey, reply: Reply, transcript: bytes
) -> tuple[bool | None, Secrets | None, str | None]:
    """Verify the signature in `reply`. Return the result of `verify`, the input of key derivation, and the deviation.

    `transcript`: the first fields of the exchange hash, V_C, V_S, I_C and I_S, as strings. The first two results are
    None if we cannot compute the shared secret. Deviation: see `HostKeyReceived`.
    """
    if reply.secret is None:
        return None, None, None
    from sshprobe.wire.signatures import verify  # imports cryptography

    def secrets_of(public: bytes, secret: bytes) -> Secrets:
        exchange_hash = HASHES[kex.exchange_hash](transcript + public + secret).digest()
        return Secrets(kex.exchange_hash, secret, exchange_hash)

    first = secrets_of(reply.public, reply.secret)
    verified = verify(host_key, algorithm, reply.signature, first.exchange_hash)
    if verified is not False:
        return verified, first, None
    for deviation, public in kex.hash_variants(reply):
        secrets = secrets_of(public, reply.secret)
        verified = verify(host_key, algorithm, reply.signature, secrets.exchange_hash)
        if verified is not False:
            return verified, secrets, deviation
    return False, first, None


def _parse_host_key(algorithm: str, blob: bytes) -> HostKey:
    expected = expected_blob_type(algorithm)
    if expected is None:
        return parse_unknown_host_key(blob, algorithm)
    host_key = parse_host_key(blob)
    if host_key_family(host_key.type) != expected:
        raise OtherHostKey(host_key)
    return host_key


@lru_cache(maxsize=256)  # the servers of a fleet send few different ones
def _identification_strings(client: bytes, server: bytes) -> bytes:
    return strings(client, server)


@lru_cache(maxsize=256)  # the servers of a fleet offer few different lists
def _after_cookie(kex: str, host_key: str, suite: Suite | None, server: tuple[tuple[bytes, ...], ...]) -> bytes:
    """Return the payload after the cookie. `server`: the server's six lists for encryption, MACs and compression."""
    cipher_out, cipher_in, mac_out, mac_in, compression_out, compression_in = [names[:1] for names in server]
    if suite is not None:
        cipher_out = (suite.encryption_client_to_server.encode(),)
        cipher_in = (suite.encryption_server_to_client.encode(),)
        # "" is for an AEAD of a server that offers none of our MACs: then its first MAC is named.
        mac_out = (suite.mac_client_to_server.encode(),) if suite.mac_client_to_server else mac_out
        mac_in = (suite.mac_server_to_client.encode(),) if suite.mac_server_to_client else mac_in
        compression_out = compression_in = (b"none",)
    methods, keys = (kex.encode(), EXT_INFO_CLIENT, *STRICT_KEX_CLIENT), (host_key.encode(),)
    others = cipher_out, cipher_in, mac_out, mac_in, compression_out, compression_in
    return KexInit(bytes(16), methods, keys, *others).encode()[17:]


def new_key_exchange(
    name: str, request: GroupExchangeRequest | None = None, key_pairs: KeyPairs | None = None
) -> KeyExchange:
    """Return a new run of the method `name`. `request`: the sizes of a group exchange.

    It takes our key pair of a curve or KEM from `key_pairs`, or adds a new one. Raises `LocalProtocolError` for a
    method that is not in `METHODS`.
    """
    if name not in METHODS:
        raise LocalProtocolError(f"no key exchange {name!r} here")
    method = METHODS[name]
    if method.kind in ("ecdh", "hybrid"):
        from sshprobe.wire.kex.ecdh import CurveExchange  # `--depth lists` does not need its cryptography

        return CurveExchange(name, method.hash, method.detail, {} if key_pairs is None else key_pairs)
    if method.kind == "gex":
        return GroupExchange(name, method.hash, request or GroupExchangeRequest())
    return FixedGroupExchange(name, method.hash, method.detail)
