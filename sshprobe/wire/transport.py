"""One connection of an SSH client up to the answer to a "none" request, sans-IO: bytes in, events out.

The caller takes events with `next_event` until that returns `NEED_DATA`, sends `outgoing`, and passes the data it
receives to the next `next_event`. `sshprobe.wire.states` has the states and what each allows; docs/wire-states.md draws
them. At most `byte_limit` bytes are held, so a server controls neither our memory nor our time.

An error of the server raises `RemoteProtocolError` from `next_event`, once, and the transport is CLOSED. An error in
the server's KEXINIT is raised after its event, when the key exchange has started. A call that the state does not allow
raises `LocalProtocolError`.

Under strict key exchange (OpenSSH PROTOCOL 1.9, draft-ietf-sshm-strict-kex, both sides willing) IGNORE, DEBUG and
UNIMPLEMENTED are errors before the server's NEWKEYS, and sequence numbers restart at NEWKEYS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from sshprobe.wire import messages as msg
from sshprobe.wire import states
from sshprobe.wire.client_kexinit import NegotiatedAlgorithms
from sshprobe.wire.codec import byte
from sshprobe.wire.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from sshprobe.wire.events import (
    AuthenticationBanner,
    AuthenticationFailed,
    AuthenticationSucceeded,
    ConnectionClosed,
    DisconnectReceived,
    Event,
    ExtensionsReceived,
    IdentificationReceived,
    KexInitReceived,
    LineReceived,
    NewKeysReceived,
)
from sshprobe.wire.framing import PacketReader, PacketWriter, PlainPacketReader, PlainPacketWriter
from sshprobe.wire.handshake import Handshake
from sshprobe.wire.identification import IdentificationReader, check_client_identification, parse_identification
from sshprobe.wire.kex.exchange import GroupExchangeRequest, KeyPairs, Secrets
from sshprobe.wire.limits import AUTHENTICATION_PACKETS, CONNECTION_BYTES
from sshprobe.wire.messages import KexInit
from sshprobe.wire.states import LINE_STATES, TRANSITIONS, WAITING_STATES, State
from sshprobe.wire.suites import Suite


@final
class NEED_DATA:
    """Sentinel: `next_event` returns no event until more bytes are received, or until the caller decides."""


# In Python 3.11, State.CLOSED takes ten times as long as a name of the module.
_AGREED, _BREACH, _CLOSED = State.AGREED, State.BREACH, State.CLOSED
_NEWKEYS = byte(msg.NEWKEYS)
_BEFORE_SERVICE = (State.CLIENT_NEWKEYS, State.SERVICE)
_GENERIC = (msg.DISCONNECT, msg.IGNORE, msg.UNIMPLEMENTED, msg.DEBUG)
_AUTHENTICATION_EVENTS: dict[int, Callable[[bytes], Event]] = {
    msg.EXT_INFO: ExtensionsReceived.parse,
    msg.USERAUTH_FAILURE: AuthenticationFailed.parse,
    msg.USERAUTH_SUCCESS: lambda payload: AuthenticationSucceeded(),
    msg.USERAUTH_BANNER: AuthenticationBanner.parse,
}


class ClientTransport:
    """One connection. `identification` is ours, without line end; it is the first thing to send.

    `byte_limit`: bytes received at most. `key_pairs`: our key pairs, shared by the connections of a scan. Raises
    `LocalProtocolError` for an identification that servers refuse.
    """

    def __init__(
        self, identification: bytes, *, byte_limit: int = CONNECTION_BYTES, key_pairs: KeyPairs | None = None
    ) -> None:
        check_client_identification(identification)
        self.state = State.IDENTIFICATION
        self.outgoing = identification + b"\r\n"
        """Bytes to send. The caller who sends them sets this to b""."""
        self._in = bytearray()
        self._eof = False
        self._byte_limit = byte_limit
        self._room = byte_limit  # bytes that may still be received
        self.has_more = False
        """Whether `next_event` may return an event without more data."""
        self.is_full = False
        """Whether the server has sent more than the byte limit."""
        self._lines = IdentificationReader()
        self._reader: PacketReader = PlainPacketReader()
        self._writer: PacketWriter = PlainPacketWriter()
        self._received = 0  # sequence number of the next packet to read, modulo 2**32
        self._sent = 0  # sequence number of the next packet to send, modulo 2**32
        self._packets = states.PACKETS  # the packets that each state allows
        self._handshake = Handshake(identification, key_pairs)
        self._first: bytes | None = None  # the first message of the key exchange, if sent later
        self._requests: tuple[bytes, ...] = ()  # the service request, and the "none" request if sent with it
        self._none_request: bytes | None = None  # the "none" request if sent after SERVICE_ACCEPT
        self._encrypted = 0  # packets after the server's NEWKEYS

    # -- calls ---------------------------------------------------------------------------------------------------

    @property
    def can_encrypt(self) -> bool:
        """True once the host key is known, if the key exchange gave keys to encrypt with."""
        return states.REQUEST_METHODS in TRANSITIONS[self.state] and self._handshake.keys is not None

    @property
    def negotiated(self) -> NegotiatedAlgorithms | None:
        """The algorithms that `propose` and the server's KEXINIT lead to; None if they lack one in common."""
        return self._handshake.negotiated

    def propose(self) -> None:
        """Send a KEXINIT that names all that we speak, to a server that waits for it (RFC 4253 section 7).

        Raises `LocalProtocolError` if the state does not allow it.
        """
        if states.PROPOSE not in TRANSITIONS[self.state]:
            raise LocalProtocolError(states.CALLS[states.PROPOSE])
        self.state = TRANSITIONS[self.state][states.PROPOSE]
        self._send(self._handshake.propose())

    def start_key_exchange(
        self,
        kex: str,
        host_key_algorithm: str,
        *,
        suite: Suite | None,
        request: GroupExchangeRequest | None = None,
        expected: KexInit | None = None,
        alone: bool = False,
    ) -> None:
        """Send our KEXINIT, unless `propose` has sent it, and the first message of the method `kex`.

        `suite`: the ciphers and MACs to encrypt with. With None nothing encrypted can follow: our KEXINIT names the
        server's own first choices, and they are never used. `request`: the sizes of a group exchange. `expected`: where
        the server's KEXINIT has not been received, the lists of an earlier connection; a KEXINIT that does not offer
        the algorithms of ours is then an error. `alone`: send the first message later, by `continue_key_exchange`.
        Raises `LocalProtocolError` if the state does not allow it, for a method that we do not speak, and for
        algorithms that differ from `negotiated`.
        """
        call = states.START if expected is None else states.START_EARLY
        if call not in TRANSITIONS[self.state]:
            raise LocalProtocolError(states.CALLS[call])
        kexinit = self._handshake.choose(kex, host_key_algorithm, suite, request, expected)
        self.state = TRANSITIONS[self.state][call]
        if self.state is _AGREED:
            self._agree()
            if self.state is _BREACH:
                self.has_more = True
                return  # nothing is sent to a server that breaks its own rules
        # Even before the server's lists the first message is not a guess, and first_kex_packet_follows is false (RFC
        # 4253 section 7.1). Our KEXINIT names one method and one host key algorithm, so the message is right or no
        # exchange comes about. With true, a server that prefers others but agrees on these would have to ignore the
        # message (section 7), as OpenSSH does (kex.c, proposals_match).
        first = self._handshake.run.first
        if alone:
            self._first = first
        self._send(*(() if kexinit is None else (kexinit,)), *(() if alone else (first,)))

    def continue_key_exchange(self) -> None:
        """Send the first message of an exchange that was started `alone`, unless it has been sent."""
        if self._first is not None and self.state is not _CLOSED:
            self._send(self._first)
            self._first = None

    def request_authentication_methods(self, user: bytes, *, at_once: bool = False, alone: bool = False) -> None:
        """Encrypt, and request the authentication methods of `user` with one "none" request.

        `at_once`: send it along with the service request, not after SERVICE_ACCEPT. `alone`: send NEWKEYS only, and
        the rest by `continue_authentication`. Raises `LocalProtocolError` unless `can_encrypt`.
        """
        if states.REQUEST_METHODS not in TRANSITIONS[self.state] or self._handshake.keys is None:
            raise LocalProtocolError(states.CALLS[states.REQUEST_METHODS])
        service_request, none_request = msg.service_request(b"ssh-userauth"), msg.userauth_none_request(user)
        self._requests = (service_request, none_request) if at_once else (service_request,)
        self._none_request = None if at_once else none_request
        self._send(_NEWKEYS)
        self._writer = self._make_packet_writer(*self._handshake.keys)
        if self._handshake.strict:
            self._sent = 0
        self.state = TRANSITIONS[self.state][states.REQUEST_METHODS]
        if not alone:
            self.continue_authentication()

    def continue_authentication(self) -> None:
        """Send the messages after our NEWKEYS."""
        if self.state in _BEFORE_SERVICE:
            self._send(*self._requests)

    def disconnect(self, description: bytes) -> None:
        """Send DISCONNECT with reason 11 (by application), in clear unless we encrypt, and close.

        Nothing is sent before the server's identification has been received.
        """
        if self.state is not _CLOSED:
            if self.state not in LINE_STATES:
                self._send(msg.disconnect(description))
            self.state = TRANSITIONS[self.state][states.LEAVE]

    # -- bytes -----------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> None:
        """Add bytes from the network. Past the byte limit they are dropped, and `is_full` is true."""
        size = len(data)
        if size > self._room:
            self.is_full = True
            data, size = data[: self._room], self._room
        self._room -= size
        self._in += data
        self.has_more = True

    def receive_eof(self) -> None:
        """Note that the server has closed its side."""
        self._eof = self.has_more = True

    @property
    def unread(self) -> bytes:
        """Received bytes that have not been read as a line or packet."""
        return bytes(self._in)

    def _send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.outgoing += self._writer.write(payload, self._sent)
            self._sent = (self._sent + 1) % 2**32

    # -- events ------------------------------------------------------------------------------------------------------

    def next_event(self, data: bytes | None = None) -> Event | type[NEED_DATA]:
        """Return the next event, or `NEED_DATA`. Raises `RemoteProtocolError` if the server breaks the protocol.

        `data`: bytes received since the last call, added first; b"" is the end of the stream.
        """
        if data:
            self.receive_data(data)
        elif data is not None:
            self.receive_eof()
        while (state := self.state) not in WAITING_STATES:
            read = event = None
            try:
                if state is _BREACH:
                    raise RemoteProtocolError(self._handshake.breach)
                if self._in:
                    if state in LINE_STATES:
                        read = self._lines.next_line(self._in)
                        event = None if read is None else self._line_received(read)
                    else:
                        read = self._reader.read(self._in, self._received)
                        event = None if read is None else self._packet_received(read)
                if read is None and self.is_full:
                    raise LimitExceeded(f"more than {self._byte_limit} bytes in one connection")
            except RemoteProtocolError:
                self.state = TRANSITIONS[state][states.ERROR]
                raise
            if event is not None:
                self.has_more = bool(self._in) or self._eof or self.is_full or self.state is _BREACH
                return event
            if read is None:
                if not self._eof:
                    return NEED_DATA
                self.state = TRANSITIONS[state][states.END_OF_STREAM]
                return ConnectionClosed(bytes(self._in))
        return NEED_DATA

    def _line_received(self, line: bytes) -> Event:
        if line[:4] != b"SSH-":
            self.state = TRANSITIONS[self.state][states.LINE]
            return LineReceived(line)
        identification = parse_identification(line)
        self._handshake.server_identification = line
        self.state = TRANSITIONS[self.state][states.SSH_2 if identification.speaks_2 else states.SSH_1]
        return IdentificationReceived(identification)

    def _packet_received(self, payload: bytes) -> Event | None:
        self._received = (self._received + 1) % 2**32
        number, before = payload[0], self.state
        try:
            self.state = self._packets[before][number]
        except KeyError:
            raise states.refusal(before, number, strict=self._handshake.strict) from None
        if number in _GENERIC:
            return self._generic_message(payload, before)
        return _HANDLERS[before](self, payload, before)

    def _generic_message(self, payload: bytes, before: State) -> Event | None:
        if payload[0] == msg.DISCONNECT:
            return DisconnectReceived.parse(payload)
        if self.state is not before:  # UNIMPLEMENTED, and our request has an older form
            self._send(self._handshake.run.start_again())
        return None

    def _kexinit_received(self, payload: bytes, before: State) -> Event:
        server = self._handshake.read_kexinit(payload, is_first=self._received == 1)
        if self.state is _AGREED:
            self._agree()
        return KexInitReceived(server)

    def _agree(self) -> None:
        self.state = TRANSITIONS[_AGREED][self._handshake.outcome]
        if self._handshake.strict:
            self._packets = states.STRICT_PACKETS

    def _guess_received(self, payload: bytes, before: State) -> Event | None:
        event, message = self._handshake.read_guess(payload)
        if event is not None:
            self.state = TRANSITIONS[before][states.ANSWER]
        if message is not None:
            self._send(message)
        return event

    def _group_received(self, payload: bytes, before: State) -> Event:
        event, message = self._handshake.run.read_group(payload)
        if message is None:
            self.state = TRANSITIONS[before][states.BAD_GROUP]
        else:
            self._send(message)
        return event

    def _reply_received(self, payload: bytes, before: State) -> Event:
        return self._handshake.read_reply(payload)

    def _newkeys_received(self, payload: bytes, before: State) -> Event:
        if self._handshake.keys is not None:
            self._reader = self._make_packet_reader(*self._handshake.keys)
        if self._handshake.strict:
            self._received = 0
        return NewKeysReceived()

    def _encrypted_message(self, payload: bytes, before: State) -> Event | None:
        number = payload[0]
        if number == msg.NEWKEYS:
            raise RemoteProtocolError("a second NEWKEYS")
        sequence, expected = (self._received - 1) % 2**32, number in TRANSITIONS[before]
        self._encrypted += 1
        if self._encrypted > AUTHENTICATION_PACKETS:
            raise LimitExceeded(f"more than {AUTHENTICATION_PACKETS} packets before an answer to the request")
        if not expected:
            self._send(msg.unimplemented(sequence))
            return None
        if number == msg.SERVICE_ACCEPT:
            if self._none_request is not None:
                self._send(self._none_request)
            return None
        if number not in _AUTHENTICATION_EVENTS:
            raise RemoteProtocolError("the server wants new keys before it answers")
        return _AUTHENTICATION_EVENTS[number](payload)

    # The fuzzer stays in clear, so that its bytes get past NEWKEYS. `ciphers` imports cryptography.
    @staticmethod
    def _make_packet_reader(suite: Suite, secrets: Secrets) -> PacketReader:
        from sshprobe.wire.ciphers import packet_reader

        return packet_reader(suite, secrets)

    @staticmethod
    def _make_packet_writer(suite: Suite, secrets: Secrets) -> PacketWriter:
        from sshprobe.wire.ciphers import packet_writer

        return packet_writer(suite, secrets)


_HANDLERS: dict[State, Callable[[ClientTransport, bytes, State], Event | None]] = {
    **dict.fromkeys((State.KEXINIT, State.PROPOSED, State.EARLY_KEXINIT), ClientTransport._kexinit_received),
    **dict.fromkeys(states.GUESS_STATES, ClientTransport._guess_received),
    **dict.fromkeys((State.ECDH_REPLY, State.DH_REPLY, State.GEX_REPLY), ClientTransport._reply_received),
    **dict.fromkeys((State.GEX_GROUP, State.GEX_OLD_GROUP), ClientTransport._group_received),
    **dict.fromkeys((State.NEWKEYS, State.CLIENT_NEWKEYS), ClientTransport._newkeys_received),
    **dict.fromkeys((State.SERVICE, State.AUTHENTICATION), ClientTransport._encrypted_message),
}
"""The reader of packets in each state of `PACKET_STATES`, except messages 1 to 4."""
