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

import os
import struct
from collections.abc import Callable
from typing import final

from sshprobe.wire import events, states
from sshprobe.wire import messages as msg
from sshprobe.wire.authentication import AuthenticationReader
from sshprobe.wire.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from sshprobe.wire.events import Event
from sshprobe.wire.framing import PLAIN_BLOCK, UINT32, PacketCipher, bad_length, packet_lengths
from sshprobe.wire.handshake import Handshake
from sshprobe.wire.identification import IdentificationReader, check_client_identification, parse_identification
from sshprobe.wire.kex.exchange import GroupExchangeRequest, KeyPairs, Secrets
from sshprobe.wire.limits import CONNECTION_BYTES, MINIMUM_PADDING
from sshprobe.wire.messages import KexInit
from sshprobe.wire.states import LINE_STATES, TRANSITIONS, WAITING_STATES, State
from sshprobe.wire.suites import Suite


@final
class NEED_DATA:
    """Sentinel: `next_event` returns no event until more bytes are received, or until the caller decides."""


# In Python 3.11, State.CLOSED takes ten times as long as a name of the module.
_AGREED, _BREACH, _CLOSED = State.AGREED, State.BREACH, State.CLOSED
_ENCRYPTED = (State.SERVICE, State.AUTHENTICATION)
_NEWKEYS = bytes((msg.NEWKEYS,))
_HEAD = struct.Struct(">IB")  # packet_length, padding_length
_PLAIN_LENGTHS = packet_lengths(PLAIN_BLOCK, counted=4)


def packet(payload: bytes, block: int = PLAIN_BLOCK, counted: int = 4, fill: Callable[[int], bytes] = bytes) -> bytes:
    """Return the packet that carries `payload`, in the fewest whole blocks, without encryption and MAC.

    `block` and `counted`: see `packet_lengths`. `fill`: returns padding of a size; zeros before NEWKEYS, as in OpenSSH.
    """
    size = 1 + len(payload)
    padding = MINIMUM_PADDING + -(counted + size + MINIMUM_PADDING) % block
    return _HEAD.pack(size + padding, padding) + payload + fill(padding)


def open_plain(buffer: bytearray) -> bytes | None:
    """Do what `PacketCipher.open` does, for a packet without encryption."""
    have = len(buffer)
    if have < 4:
        return None
    (length,) = UINT32.unpack_from(buffer)
    if length not in _PLAIN_LENGTHS:
        raise bad_length(length)
    end = 4 + length
    if have < end:
        return None
    body = bytes(buffer[4:end])
    del buffer[:end]
    return body


def strip_padding(body: bytes) -> bytes:
    """Return the payload of `body`: padding_length, payload and padding. Raises `RemoteProtocolError`."""
    padding = body[0]
    if padding < MINIMUM_PADDING:
        raise RemoteProtocolError(f"padding_length {padding} is below {MINIMUM_PADDING}")
    payload = body[1:-padding]
    if not payload:
        raise RemoteProtocolError(f"padding_length {padding} leaves no payload")
    return payload


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
        self._in, self._eof = bytearray(), False
        self._byte_limit = byte_limit
        self._room = byte_limit  # bytes that may still be received
        self.has_more = False
        """Whether `next_event` may return an event without more data."""
        self.is_full = False
        """Whether the server has sent more than the byte limit."""
        self._lines = IdentificationReader()
        self._opener: PacketCipher | None = None  # once both sides encrypt
        self._sealer: PacketCipher | None = None  # from our NEWKEYS on
        self._received = 0  # sequence number of the next packet to read, modulo 2**32
        self._sent = 0  # sequence number of the next packet to send, modulo 2**32
        self._packets = states.PACKETS  # the packets that each state allows
        self._handshake = Handshake(identification, {} if key_pairs is None else key_pairs)
        self._answers = AuthenticationReader()
        self._held: tuple[bytes, ...] = ()  # payloads for `send_held`

    # -- calls ---------------------------------------------------------------------------------------------------

    def propose(self) -> None:
        """Send a KEXINIT that names all that we speak, to a server that waits for it (RFC 4253 section 7).

        Raises `LocalProtocolError` if the state does not allow it.
        """
        self.state = self._after(states.PROPOSE)
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
        the algorithms of ours is then an error. `alone`: leave the first message to `send_held`. Raises
        `LocalProtocolError` if the state does not allow it, for a method that we do not speak, and after `propose` for
        other algorithms than `client_kexinit.negotiate` returns.
        """
        after = self._after(states.START if expected is None else states.START_EARLY)
        kexinit, first = self._handshake.choose(kex, host_key_algorithm, suite, request, expected)
        self.state = after
        if after is _AGREED:
            self._turn_out(_AGREED, self._handshake.outcome)
            if self.state is _BREACH:
                self.has_more = True
                return  # nothing is sent to a server that breaks its own rules
        # Even before the server's lists the first message is not a guess (RFC 4253 section 7.1): our KEXINIT names one
        # method and one host key algorithm. With first_kex_packet_follows true, a server that prefers others but agrees
        # on these would have to ignore the message (section 7), as OpenSSH does (kex.c, proposals_match).
        self._held = (first,)
        if kexinit is not None:
            self._send(kexinit)
        if not alone:
            self.send_held()

    def request_authentication_methods(self, user: bytes, *, at_once: bool = False, alone: bool = False) -> None:
        """Encrypt, and request the authentication methods of `user` with one "none" request.

        `at_once`: send it along with the service request, not after SERVICE_ACCEPT. `alone`: send NEWKEYS only, and
        leave the rest to `send_held`. Raises `LocalProtocolError` unless the host key's `can_encrypt` is true.
        """
        after = self._after(states.REQUEST_METHODS)
        if self._handshake.keys is None:
            raise LocalProtocolError(states.CALLS[states.REQUEST_METHODS])
        self._send(_NEWKEYS)
        self._opener, self._sealer = self._make_ciphers(*self._handshake.keys)
        if self._handshake.strict:
            self._sent = 0
        self.state = after
        service_request, none_request = msg.service_request(b"ssh-userauth"), msg.userauth_none_request(user)
        self._held = (service_request, none_request) if at_once else (service_request,)
        self._none_request = None if at_once else none_request  # where it is sent after SERVICE_ACCEPT
        if not alone:
            self.send_held()

    def send_held(self) -> None:
        """Send the messages that `alone` deferred, once."""
        if self.state is not _CLOSED:
            self._send(*self._held)
            self._held = ()

    def disconnect(self, description: bytes) -> None:
        """Close. Send DISCONNECT with reason 11 (by application) first, if the server has identified itself."""
        if self.state is not _CLOSED:
            if self.state not in LINE_STATES:
                self._send(msg.disconnect(description))
            self.state = TRANSITIONS[self.state][states.LEAVE]

    def _after(self, call: str) -> State:
        try:
            return TRANSITIONS[self.state][call]
        except KeyError:
            raise LocalProtocolError(states.CALLS[call]) from None

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
        sealer = self._sealer
        for payload in payloads:
            if sealer is None:
                self.outgoing += packet(payload)
            else:
                self.outgoing += sealer.seal(packet(payload, sealer.block, sealer.counted, os.urandom), self._sent)
            self._sent = (self._sent + 1) % 2**32

    # The fuzzer stays in clear, so that its bytes get past NEWKEYS. `ciphers` imports cryptography.
    @staticmethod
    def _make_ciphers(suite: Suite, secrets: Secrets) -> tuple[PacketCipher | None, PacketCipher | None]:
        from sshprobe.wire.ciphers import opener_and_sealer

        return opener_and_sealer(suite, secrets)

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
                        opener = self._opener if state in _ENCRYPTED else None
                        read = open_plain(self._in) if opener is None else opener.open(self._in, self._received)
                        event = None if read is None else self._packet_received(strip_padding(read))
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
                return events.ConnectionClosed()
        return NEED_DATA

    def _line_received(self, line: bytes) -> Event:
        if line[:4] != b"SSH-":
            self.state = TRANSITIONS[self.state][states.LINE]
            return events.LineReceived(line)
        identification = parse_identification(line)
        self._handshake.server_identification = line
        self.state = TRANSITIONS[self.state][states.SSH_2 if identification.speaks_2 else states.SSH_1]
        return events.IdentificationReceived(identification)

    def _packet_received(self, payload: bytes) -> Event | None:
        sequence = self._received
        self._received = (sequence + 1) % 2**32
        number, before = payload[0], self.state
        try:
            self.state = self._packets[before][number]
        except KeyError:
            raise states.refusal(before, number, strict=self._handshake.strict) from None
        if number == msg.DISCONNECT:
            return events.DisconnectReceived.parse(payload)
        event = answer = None
        if msg.IGNORE <= number <= msg.DEBUG:
            if self.state is not before:
                answer = self._handshake.request_in_old_form()
        elif number == msg.SERVICE_ACCEPT and before is State.SERVICE:
            answer = self._none_request
        elif before in _ENCRYPTED:
            event, answer = self._answers.read(payload, sequence, expected=number in TRANSITIONS[before])
        elif number != msg.NEWKEYS:
            event, answer, outcome = self._handshake.read(payload, before, is_first=sequence == 0)
            self._turn_out(before, outcome)
        elif self._handshake.strict:
            self._received = 0
        if answer is not None:
            self._send(answer)
        return event

    def _turn_out(self, before: State, outcome: str) -> None:
        """Apply the result of a packet that was read in the state `before`, or of both KEXINITs; "" if it has none."""
        if outcome:
            self.state = TRANSITIONS[_AGREED if self.state is _AGREED else before][outcome]
        if self._handshake.strict:
            self._packets = states.STRICT_PACKETS
