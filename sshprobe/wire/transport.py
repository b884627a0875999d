"""One connection of an SSH client up to the answer to a "none" request, sans-IO: bytes in, events out.

How it runs. The caller hands over what the network gave with `receive_data` (and `receive_eof`), takes events with
`next_event` until that returns `NEED_DATA`, and sends whatever `data_to_send` returns. The states:

    IDENTIFICATION  lines come, then the identification
    KEXINIT         packets come; the server's KEXINIT is awaited. Ours is not sent: sshd needs only our identification
    CHOOSING        the server's lists are known; the caller decides: `start_key_exchange` or `disconnect`. Passed over
                    where the caller has decided before, by the lists of an earlier connection (rules 5 and 6)
    KEY_EXCHANGE    our KEXINIT names one method and one host key algorithm, so nothing is left to negotiate
    KEYED           the host key was shown. The caller may `disconnect` in clear, before our NEWKEYS (the quietest
                    ending there is), or `request_authentication_methods`
    SERVICE, AUTH   encrypted: EXT_INFO is read, one "none" request is answered
    CLOSED          nothing is sent or read any more

Rules:

1. Errors of the server raise `RemoteProtocolError` from `next_event`, once; the transport is CLOSED then. What is wrong
   with the lists comes behind them, when the caller has decided.
2. Misuse raises `LocalProtocolError`.
3. IGNORE, DEBUG, UNIMPLEMENTED and DISCONNECT are taken wherever they may come. Under strict key exchange (OpenSSH
   PROTOCOL 1.9, draft-ietf-sshm-strict-kex, both sides willing) they may not come before NEWKEYS, and sequence numbers
   restart there.
4. At most `byte_limit` bytes are read. What a server sends decides neither our memory nor our time.
5. `start_key_exchange` may come in the first two states where it is told which lists to expect. What follows from the
   server's lists (strictness, its guess, what came before them) follows from those of this connection all the same; and
   if these do not offer what ours has named, that is an error.
6. A server may wait for our KEXINIT (RFC 4253 section 7: each side sends). `propose` sends one that names all we speak;
   when the server's has come, `negotiated` is what both agree on, and `start_key_exchange` sends the first message.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import final

from sshprobe.wire import messages as msg
from sshprobe.wire.client_kexinit import (
    NegotiatedAlgorithms,
    broad_guess,
    broad_kexinit,
    narrow_kexinit,
    negotiate,
    offers,
)
from sshprobe.wire.codec import byte, string
from sshprobe.wire.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from sshprobe.wire.events import (
    AuthenticationBanner,
    AuthenticationFailed,
    AuthenticationSucceeded,
    ConnectionClosed,
    DisconnectReceived,
    Event,
    ExtensionsReceived,
    GroupReceived,
    HostKeyReceived,
    IdentificationReceived,
    KexInitReceived,
    LineReceived,
    NewKeysReceived,
)
from sshprobe.wire.framing import PacketReader, PacketWriter, PlainPacketReader, PlainPacketWriter
from sshprobe.wire.host_key_proof import Proof, prove, strings
from sshprobe.wire.identification import IdentificationReader, check_client_identification, parse_identification
from sshprobe.wire.kex.exchange import GroupChosen, GroupExchangeRequest, KeyExchange, KeyPairs, Reply
from sshprobe.wire.kex.methods import new_key_exchange
from sshprobe.wire.key_derivation import Secrets, packet_reader, packet_writer
from sshprobe.wire.limits import AUTHENTICATION_PACKETS, CONNECTION_BYTES
from sshprobe.wire.messages import KexInit
from sshprobe.wire.suites import Suite


@final
class NEED_DATA:
    """Sentinel: `next_event` has nothing until more bytes come, or until the caller decides."""


class State(Enum):
    """See the module's docstring."""

    IDENTIFICATION = auto()
    KEXINIT = auto()
    CHOOSING = auto()
    KEY_EXCHANGE = auto()
    KEYED = auto()
    SERVICE = auto()
    AUTH = auto()
    CLOSED = auto()


# Each step looks at the state a few times, and for Python 3.11 State.CLOSED is ten times the work of a module's name.
_IDENTIFICATION, _KEXINIT, _CHOOSING, _KEY_EXCHANGE, _KEYED, _SERVICE, _AUTH, _CLOSED = State
_BEFORE_LISTS, _WITH_LISTS = (_IDENTIFICATION, _KEXINIT), (_CHOOSING,)


class ClientTransport:
    """One connection. `identification` is ours, without line end; it is the first thing to send.

    `key_pairs` is what the connections of a scan have in common.
    """

    def __init__(
        self, identification: bytes, *, byte_limit: int = CONNECTION_BYTES, key_pairs: KeyPairs | None = None
    ) -> None:
        check_client_identification(identification)
        self.state = _IDENTIFICATION
        self._ours = identification
        self._theirs = b""
        self._out = identification + b"\r\n"
        self._in = bytearray()
        self._eof = False
        self._byte_limit = byte_limit
        self._room = byte_limit  # bytes that may still come
        self._overflow = False
        self._lines = IdentificationReader()
        self._reader: PacketReader = PlainPacketReader()
        self._writer: PacketWriter = PlainPacketWriter()
        self._received = 0  # sequence number of the next packet to come, modulo 2**32
        self._sent = 0
        self._server_kexinit: KexInit | None = None
        self._server_kexinit_payload = b""
        self._client_kexinit_payload = b""
        self._proposed = False
        self._key_pairs = key_pairs
        self._kex: KeyExchange | None = None
        self._first: bytes | None = None  # its first message, until that is sent
        self._host_key_algorithm = ""
        self._suite: Suite | None = None
        self._expected: KexInit | None = None  # the lists by which the exchange was started before any came
        self._before_kexinit = False  # whether other packets came before it: a breach if we go on strictly
        self._breach: RemoteProtocolError | None = None  # what the lists show; told behind them
        self._strict = False
        self._skip_guess = False
        self._secrets: Secrets | None = None
        self._server_newkeys = False
        self._authentication_packets = 0
        self._user = b""
        self._asked = False

    # -- what the caller does ------------------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the network. Past the byte limit they are dropped: `next_event` raises when it gets there."""
        size = len(data)
        if size > self._room:
            self._overflow = True
            data, size = data[: self._room], self._room
        self._room -= size
        self._in += data

    @property
    def is_full(self) -> bool:
        """Whether more came than is read in one connection: `next_event` says so when the rest was taken."""
        return self._overflow

    def receive_eof(self) -> None:
        """The server closed its side."""
        self._eof = True

    def data_to_send(self) -> bytes:
        """Return what has to be sent now, and forget it."""
        data, self._out = self._out, b""
        return data

    @property
    def unread(self) -> bytes:
        """What has come and makes no whole line or packet yet."""
        return bytes(self._in)

    @property
    def taken(self) -> int:
        """How many bytes the lines and packets had that have come."""
        return self._byte_limit - self._room - len(self._in)

    @property
    def can_encrypt(self) -> bool:
        """True once a host key came in an exchange that lets us go on encrypted."""
        return self.state is _KEYED and self._secrets is not None and self._suite is not None

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
        """Send our KEXINIT and the first message of the method `kex`; `alone`: that on `continue_key_exchange`.

        With `suite` None nothing encrypted can follow: the server's own first choices are named, and never used.

        With `expected` this comes before the server's KEXINIT, which is expected to have the lists of that one.
        """
        server = self._server_kexinit if expected is None else expected
        may_start = _WITH_LISTS if expected is None else _BEFORE_LISTS
        if server is None or self._kex is not None or self.state not in may_start:
            raise LocalProtocolError("no key exchange can start now")
        agreed = self.negotiated if self._proposed else None
        if self._proposed and (agreed is None or (agreed.kex, agreed.host_key_algorithm) != (kex, host_key_algorithm)):
            raise LocalProtocolError("not what was negotiated")
        self._kex = new_key_exchange(kex, request, self._key_pairs)
        self._host_key_algorithm = host_key_algorithm
        self._suite = suite
        self._expected = expected
        if expected is None:
            self._lists_are_known(server)
            if self._breach is not None:
                return  # nothing is sent to a server that breaks the rules it asks for
        # Even where it goes ahead of the server's lists, the first message is no guess, and first_kex_packet_follows is
        # false (RFC 4253 section 7.1): we name one method and one host key algorithm, so it is the right message or no
        # exchange comes about. True would be wrong: a server that prefers others, and agrees on these, would have to
        # ignore the message (section 7), as OpenSSH does (kex.c, proposals_match).
        first = self._kex.start()
        if not self._proposed:
            self._client_kexinit_payload = narrow_kexinit(server, kex, host_key_algorithm, suite)
        if alone:
            self._first = first
        payloads = (() if self._proposed else (self._client_kexinit_payload,)) + (() if alone else (first,))
        self._send(*payloads)

    def continue_key_exchange(self) -> None:
        """Send the first message of an exchange whose KEXINIT went out alone. Does nothing if it was sent."""
        if self._first is not None and self.state is not _CLOSED:
            self._send(self._first)
            self._first = None

    def propose(self) -> None:
        """Send a KEXINIT that names all we speak, to a server that waits for it."""
        if self.state is not _KEXINIT or self._client_kexinit_payload:
            raise LocalProtocolError("no KEXINIT can be sent now")
        self._client_kexinit_payload = broad_kexinit()
        self._proposed = True
        self._send(self._client_kexinit_payload)

    @property
    def negotiated(self) -> NegotiatedAlgorithms | None:
        """What both sides agree on after `propose` and the server's KEXINIT; None: not on everything."""
        return None if self._server_kexinit is None else negotiate(self._server_kexinit)

    def request_authentication_methods(self, user: bytes, *, at_once: bool = False, alone: bool = False) -> None:
        """Go on encrypted and ask, with one "none" request, how `user` may log in.

        `at_once` sends the request along with the one for the service, and not only when that was accepted; `alone`
        sends neither along with our NEWKEYS, but on `continue_authentication`.
        """
        if not self.can_encrypt or self._suite is None or self._secrets is None:
            raise LocalProtocolError("this exchange gave no keys to go on with")
        self._asked = at_once
        self._user = user
        self._send(byte(msg.NEWKEYS))
        self._writer = self._make_packet_writer(self._suite, self._secrets)
        if self._strict:
            self._sent = 0
        self.state = _SERVICE
        if not alone:
            self.continue_authentication()

    def continue_authentication(self) -> None:
        """Send what follows our NEWKEYS."""
        if self.state is _SERVICE:
            self._send(msg.service_request(b"ssh-userauth"))
            if self._asked:
                self._send(msg.userauth_none_request(self._user))

    def disconnect(self, description: bytes) -> None:
        """Say goodbye with reason 11 (by application), in clear unless we went on encrypted, and close."""
        if self.state in (_IDENTIFICATION, _CLOSED):
            self.state = _CLOSED  # nobody has said yet that he speaks SSH
            return
        self._send(msg.Disconnect(msg.DISCONNECT_BY_APPLICATION, description).encode())
        self.state = _CLOSED

    def next_event(self) -> Event | type[NEED_DATA]:
        """Return the next event, or `NEED_DATA`. Raises `RemoteProtocolError` for what breaks the protocol."""
        if self._breach is not None and self.state is _KEY_EXCHANGE:
            raise self._fail(self._breach)
        while True:
            state = self.state
            if state is _CLOSED or state is _CHOOSING or (state is _KEYED and self._server_newkeys):
                return NEED_DATA  # what follows, if anything, can only be read once the caller has decided
            try:
                if not self._in:
                    taken = event = None
                elif state is _IDENTIFICATION:
                    taken = self._lines.next_line(self._in)
                    event = None if taken is None else self._line_came(taken)
                else:
                    taken = self._reader.read(self._in, self._received)
                    event = None if taken is None else self._packet_came(taken)
            except RemoteProtocolError:
                self.state = _CLOSED
                raise
            if event is not None:
                return event
            if taken is not None:
                continue  # it was one that says nothing
            if self._overflow:
                raise self._fail(LimitExceeded(f"more than {self._byte_limit} bytes in one connection"))
            if not self._eof:
                return NEED_DATA
            self.state = _CLOSED
            return ConnectionClosed(bytes(self._in))

    # -- lines and packets to events -----------------------------------------------------------------------------

    def _line_came(self, line: bytes) -> Event:
        if line[:4] != b"SSH-":
            return LineReceived(line)
        identification = parse_identification(line)
        self._theirs = line
        self.state = _KEXINIT if identification.speaks_2 else _CLOSED
        return IdentificationReceived(identification)

    def _send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self._out += self._writer.write(payload, self._sent)
            self._sent = (self._sent + 1) % 2**32

    def _fail(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self.state = _CLOSED
        return error

    def _packet_came(self, payload: bytes) -> Event | None:
        sequence, self._received = self._received, (self._received + 1) % 2**32
        number = payload[0]
        if number < msg.KEXINIT:
            if number == msg.DISCONNECT:
                disconnect = msg.Disconnect.parse(payload)
                self.state = _CLOSED
                return DisconnectReceived(disconnect.code, disconnect.description)
            if self._strict and not self._server_newkeys:
                raise RemoteProtocolError(f"message {number} during strict key exchange")
            if number == msg.UNIMPLEMENTED:
                self._server_lacks()
                return None
            if number in (msg.IGNORE, msg.DEBUG):
                return None
        if self.state is _KEXINIT:
            return self._server_kexinit_came(payload)
        if self.state in (_KEY_EXCHANGE, _KEYED):
            return self._key_exchange_message(payload)
        return self._authentication_message(payload, sequence)

    def _server_lacks(self) -> None:
        other = self._kex.unimplemented() if self._kex and self.state is _KEY_EXCHANGE else None
        if other is not None:
            self._send(other)
        elif self._kex is not None:
            raise RemoteProtocolError("the server does not implement what was sent")

    def _server_kexinit_came(self, payload: bytes) -> Event:
        if payload[0] != msg.KEXINIT:
            raise RemoteProtocolError(f"message {payload[0]} where KEXINIT had to come")
        server = self._server_kexinit = KexInit.parse(payload)
        self._server_kexinit_payload = payload
        self._before_kexinit = self._received != 1
        if self._expected is None:
            self.state = _CHOOSING
        else:
            self._lists_are_known(server)
            if self._breach is None and not offers(server, self._client_kexinit_payload, self._expected):
                self._breach = RemoteProtocolError("KEXINIT does not offer what it was expected to")
        return KexInitReceived(server)

    def _lists_are_known(self, server: KexInit) -> None:
        """Work out what follows from the server's lists, now that ours are known too."""
        assert self._kex is not None
        self.state = _KEY_EXCHANGE
        self._strict = msg.offers_strict_kex(server.kex_algorithms)
        if self._strict and self._before_kexinit:
            self._breach = RemoteProtocolError("something came before KEXINIT under strict key exchange")
        if server.first_kex_packet_follows:
            # RFC 4253 section 7: a wrong guess is ignored, a right one is the first message of the exchange.
            guess = (*server.kex_algorithms[:1], *server.server_host_key_algorithms[:1])
            named = (self._kex.name.encode(), self._host_key_algorithm.encode())
            self._skip_guess = guess != (broad_guess() if self._proposed else named)

    def _key_exchange_message(self, payload: bytes) -> Event | None:
        assert self._kex is not None  # both states are entered through start_key_exchange
        number = payload[0]
        if self._skip_guess:
            self._skip_guess = False
            return self._answer_in_place_of_a_guess(payload)
        if self.state is _KEYED:
            if number != msg.NEWKEYS:
                raise RemoteProtocolError(f"message {number} where NEWKEYS had to come")
            return self._newkeys_came()
        if not msg.KEX_FIRST <= number <= msg.KEX_LAST:
            raise RemoteProtocolError(f"message {number} during key exchange")
        step = self._kex.receive(payload)
        if type(step) is Reply:
            return self._reply_came(self._prove(step))
        assert type(step) is GroupChosen
        return self._group_came(step)

    def _answer_in_place_of_a_guess(self, payload: bytes) -> Event | None:
        """Take the message that RFC 4253 section 7 has us ignore, if it is the answer to ours all the same.

        Some servers announce a guess and send none: in their method nothing is theirs to send first. A reply whose
        signature is right was made for this exchange, and no guess is a group.
        """
        assert self._kex is not None
        try:
            step = self._kex.receive(payload)
            if type(step) is Reply:
                proof = self._prove(step)
                return self._reply_came(proof) if proof.verified else None
        except RemoteProtocolError:
            return None
        return self._group_came(step) if type(step) is GroupChosen and step.payload is not None else None

    def _group_came(self, step: GroupChosen) -> Event:
        if step.payload is None:
            self.state = _CLOSED
        else:
            self._send(step.payload)
        return GroupReceived(step.modulus, step.generator, step.fault)

    def _reply_came(self, proof: Proof) -> Event:
        assert self._kex is not None
        self._secrets = proof.secrets
        self.state = _KEYED
        return HostKeyReceived(
            proof.host_key, proof.verified, self._host_key_algorithm, self._kex.name, proof.hashed_otherwise
        )

    def _prove(self, reply: Reply) -> Proof:
        assert self._kex is not None
        kexinits = string(self._client_kexinit_payload) + string(self._server_kexinit_payload)
        return prove(self._kex, self._host_key_algorithm, reply, strings(self._ours, self._theirs) + kexinits)

    def _newkeys_came(self) -> Event:
        if self._server_newkeys:
            raise RemoteProtocolError("a second NEWKEYS")
        self._server_newkeys = True
        if self._secrets is not None and self._suite is not None:
            self._reader = self._make_packet_reader(self._suite, self._secrets)
        if self._strict:
            self._received = 0
        return NewKeysReceived()

    def _authentication_message(self, payload: bytes, sequence: int) -> Event | None:
        number = payload[0]
        if number == msg.NEWKEYS:
            return self._newkeys_came()
        if not self._server_newkeys:
            raise RemoteProtocolError(f"message {number} where NEWKEYS had to come")
        self._authentication_packets += 1
        if self._authentication_packets > AUTHENTICATION_PACKETS:
            raise LimitExceeded(f"more than {AUTHENTICATION_PACKETS} packets before an answer to the request")
        if number == msg.EXT_INFO:
            return ExtensionsReceived(msg.ExtInfo.parse(payload).extensions)
        if number == msg.SERVICE_ACCEPT and self.state is _SERVICE:
            if not self._asked:
                self._send(msg.userauth_none_request(self._user))
            self.state = _AUTH
            return None
        if self.state is _AUTH:
            if number == msg.USERAUTH_FAILURE:
                return AuthenticationFailed(msg.UserauthFailure.parse(payload).methods)
            if number == msg.USERAUTH_SUCCESS:
                return AuthenticationSucceeded()
        if number == msg.USERAUTH_BANNER:
            return AuthenticationBanner(msg.UserauthBanner.parse(payload).message)
        if number == msg.KEXINIT:
            raise RemoteProtocolError("the server wants new keys before it answers")
        self._send(msg.unimplemented(sequence))
        return None

    # The fuzzer stays in clear, so that its bytes get past NEWKEYS.
    _make_packet_reader = staticmethod(packet_reader)
    _make_packet_writer = staticmethod(packet_writer)
