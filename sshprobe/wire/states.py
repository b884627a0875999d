"""The states of a client's transport and the transitions between them, as data (like h11's `_state.py`).

`TRANSITIONS` has a row for each state: the possible events, and the state after each. A key is the message number of a
packet from the server, or one of the words below. A packet that is not in the row raises the error that `refusal`
returns, a call raises `LocalProtocolError`. `scripts/wire_states` draws docs/wire-states.md from the table.
"""

from __future__ import annotations

from enum import Enum, unique

from sshprobe.wire import messages as msg
from sshprobe.wire.errors import RemoteProtocolError


@unique
class State(Enum):
    """The states. A value describes its state."""

    IDENTIFICATION = "Waits for the server's identification. Other lines may come first."
    EARLY_IDENTIFICATION = "Waits for the server's identification. Our KEXINIT answers an earlier connection's lists."
    KEXINIT = "Waits for the server's KEXINIT. Ours is not sent: sshd needs only our identification."
    PROPOSED = "Waits for the server's KEXINIT. Ours has been sent and names all that we speak."
    EARLY_KEXINIT = "Waits for the server's KEXINIT. Ours answers an earlier connection's lists."
    CHOOSING = "Waits for the caller, who knows the server's lists: start a key exchange or disconnect."
    NEGOTIATED = "Waits for the caller, who knows both sides' lists: start the negotiated key exchange or disconnect."
    AGREED = "Both KEXINITs are known. Left at once."
    BREACH = "The server's KEXINIT breaks a rule. The next event is the error."
    ECDH_GUESS = "Waits for a wrong guess of the server, which is ignored (RFC 4253 section 7), then for ECDH_REPLY."
    DH_GUESS = "Waits for a wrong guess of the server, then for DH_REPLY."
    GEX_GUESS = "Waits for a wrong guess of the server, then for GEX_GROUP."
    GEX_OLD_GUESS = "Waits for a wrong guess of the server, then for GEX_OLD_GROUP."
    ECDH_REPLY = "Waits for KEX_ECDH_REPLY (RFC 5656), also of hybrids with a KEM."
    DH_REPLY = "Waits for KEXDH_REPLY (RFC 4253 section 8)."
    GEX_GROUP = "Waits for KEX_DH_GEX_GROUP (RFC 4419 section 3)."
    GEX_OLD_GROUP = "Waits for KEX_DH_GEX_GROUP after a request in the old form (RFC 4419 section 5)."
    GEX_REPLY = "Waits for KEX_DH_GEX_REPLY (RFC 4419 section 3)."
    NEWKEYS = "Waits for NEWKEYS or the caller. The host key is known; to disconnect now is the quietest ending."
    SERVER_NEWKEYS = "Waits for the caller: request authentication methods or disconnect. The server encrypts."
    CLIENT_NEWKEYS = "Waits for NEWKEYS. We encrypt."
    SERVICE = "Waits for SERVICE_ACCEPT (RFC 4253 section 10). Both sides encrypt."
    AUTHENTICATION = 'Waits for the answer to our "none" request (RFC 4252 section 5.2).'
    CLOSED = "Nothing is sent or read."

    __hash__ = object.__hash__  # each packet looks up its state, and the hash of Enum is a Python function


S = State
Row = dict[int | str, State]

# Lines of the server.
LINE, SSH_2, SSH_1 = "a line", "an SSH-2 identification", "an SSH-1 identification"
# Calls: methods of `ClientTransport`.
START, START_EARLY, PROPOSE = "start_key_exchange()", "start_key_exchange(expected=)", "propose()"
REQUEST_METHODS, LEAVE = "request_authentication_methods()", "disconnect()"
CALLS = {
    START: "no key exchange can start now",
    START_EARLY: "no key exchange can start now",
    PROPOSE: "no KEXINIT can be sent now",
    REQUEST_METHODS: "this exchange gave no keys to go on with",
}
"""The error of a call that the state does not allow. `disconnect()` is allowed in every state."""

# Results of both KEXINITs.
ECDH, DH, GEX, RULE_BROKEN = "ECDH", "Diffie-Hellman", "group exchange", "a broken rule"
ECDH_GUESSED, DH_GUESSED, GEX_GUESSED = f"{ECDH}, wrong guess", f"{DH}, wrong guess", f"{GEX}, wrong guess"
# Meanings of a packet of the key exchange.
ANSWER, BAD_GROUP = "the answer to ours", "a group that is not used"
# All packets without their own entry, except messages 1 to 4, which mean the same in every state.
OTHER = "any other message"
# Ends.
END_OF_STREAM, ERROR = "end of stream", "an error"

_ENDS: Row = {LEAVE: S.CLOSED, END_OF_STREAM: S.CLOSED, ERROR: S.CLOSED}

_LINES: dict[State, Row] = {
    S.IDENTIFICATION: {SSH_2: S.KEXINIT, START_EARLY: S.EARLY_IDENTIFICATION},
    S.EARLY_IDENTIFICATION: {SSH_2: S.EARLY_KEXINIT},
}
"""States that read lines."""

_PACKETS: dict[State, Row] = {
    S.KEXINIT: {
        msg.KEXINIT: S.CHOOSING,
        msg.UNIMPLEMENTED: S.KEXINIT,
        START_EARLY: S.EARLY_KEXINIT,
        PROPOSE: S.PROPOSED,
    },
    S.PROPOSED: {msg.KEXINIT: S.NEGOTIATED, msg.UNIMPLEMENTED: S.PROPOSED},
    S.EARLY_KEXINIT: {msg.KEXINIT: S.AGREED},
    S.ECDH_GUESS: {OTHER: S.ECDH_REPLY, ANSWER: S.NEWKEYS},
    S.DH_GUESS: {OTHER: S.DH_REPLY, ANSWER: S.NEWKEYS},
    S.GEX_GUESS: {OTHER: S.GEX_GROUP, ANSWER: S.GEX_REPLY, msg.UNIMPLEMENTED: S.GEX_OLD_GUESS},
    S.GEX_OLD_GUESS: {OTHER: S.GEX_OLD_GROUP, ANSWER: S.GEX_REPLY},
    S.ECDH_REPLY: {msg.KEX_ECDH_REPLY: S.NEWKEYS},
    S.DH_REPLY: {msg.KEXDH_REPLY: S.NEWKEYS},
    S.GEX_GROUP: {msg.KEX_DH_GEX_GROUP: S.GEX_REPLY, BAD_GROUP: S.CLOSED, msg.UNIMPLEMENTED: S.GEX_OLD_GROUP},
    S.GEX_OLD_GROUP: {msg.KEX_DH_GEX_GROUP: S.GEX_REPLY, BAD_GROUP: S.CLOSED},
    S.GEX_REPLY: {msg.KEX_DH_GEX_REPLY: S.NEWKEYS},
    S.NEWKEYS: {msg.NEWKEYS: S.SERVER_NEWKEYS, REQUEST_METHODS: S.CLIENT_NEWKEYS},
    S.CLIENT_NEWKEYS: {msg.NEWKEYS: S.SERVICE},
    S.SERVICE: {
        msg.EXT_INFO: S.SERVICE,
        msg.USERAUTH_BANNER: S.SERVICE,
        msg.SERVICE_ACCEPT: S.AUTHENTICATION,
        msg.KEXINIT: S.CLOSED,
        msg.NEWKEYS: S.CLOSED,
        OTHER: S.SERVICE,
    },
    S.AUTHENTICATION: {
        msg.EXT_INFO: S.AUTHENTICATION,
        msg.USERAUTH_BANNER: S.AUTHENTICATION,
        msg.USERAUTH_FAILURE: S.AUTHENTICATION,
        msg.USERAUTH_SUCCESS: S.AUTHENTICATION,
        msg.KEXINIT: S.CLOSED,
        msg.NEWKEYS: S.CLOSED,
        OTHER: S.AUTHENTICATION,
    },
}
"""States that read packets."""

_OTHERS: dict[State, Row] = {
    S.CHOOSING: {START: S.AGREED, LEAVE: S.CLOSED},
    S.NEGOTIATED: {START: S.AGREED, LEAVE: S.CLOSED},
    S.AGREED: {
        ECDH: S.ECDH_REPLY,
        DH: S.DH_REPLY,
        GEX: S.GEX_GROUP,
        ECDH_GUESSED: S.ECDH_GUESS,
        DH_GUESSED: S.DH_GUESS,
        GEX_GUESSED: S.GEX_GUESS,
        RULE_BROKEN: S.BREACH,
    },
    S.BREACH: {ERROR: S.CLOSED, LEAVE: S.CLOSED},
    S.SERVER_NEWKEYS: {REQUEST_METHODS: S.SERVICE, LEAVE: S.CLOSED},
    S.CLOSED: {},
}
"""States that read nothing."""

TRANSITIONS: dict[State, Row] = {
    **{state: {LINE: state, SSH_1: S.CLOSED, **row, **_ENDS} for state, row in _LINES.items()},
    **{
        state: {msg.DISCONNECT: S.CLOSED, msg.IGNORE: state, msg.DEBUG: state, **row, **_ENDS}
        for state, row in _PACKETS.items()
    },
    **_OTHERS,
}
"""The possible events of each state, and the state after each."""

LINE_STATES, PACKET_STATES = frozenset(_LINES), frozenset(_PACKETS)
WAITING_STATES = frozenset({S.CHOOSING, S.NEGOTIATED, S.SERVER_NEWKEYS, S.CLOSED})
"""States in which only a call can follow, or nothing."""

STRICT_STATES = PACKET_STATES - {S.KEXINIT, S.PROPOSED, S.EARLY_KEXINIT, S.SERVICE, S.AUTHENTICATION}
"""States after both KEXINITs and before the server's NEWKEYS, in which strict key exchange allows fewer messages."""

AWAITED = {
    S.KEXINIT: "KEXINIT",
    S.PROPOSED: "KEXINIT",
    S.EARLY_KEXINIT: "KEXINIT",
    S.ECDH_REPLY: "KEX_ECDH_REPLY",
    S.DH_REPLY: "KEXDH_REPLY",
    S.GEX_GROUP: "KEX_DH_GEX_GROUP",
    S.GEX_OLD_GROUP: "KEX_DH_GEX_GROUP",
    S.GEX_REPLY: "KEX_DH_GEX_REPLY",
    S.NEWKEYS: "NEWKEYS",
    S.CLIENT_NEWKEYS: "NEWKEYS",
}
"""The message that a state requires, for errors."""

GUESS_STATES = (S.ECDH_GUESS, S.DH_GUESS, S.GEX_GUESS, S.GEX_OLD_GUESS)
GROUP_STATES = (S.GEX_GROUP, S.GEX_OLD_GROUP)
_KEY_EXCHANGE = (S.ECDH_REPLY, S.DH_REPLY, S.GEX_GROUP, S.GEX_OLD_GROUP, S.GEX_REPLY)


def refusal(state: State, number: int, *, strict: bool) -> RemoteProtocolError:
    """Return the error for a packet with message `number` that is not allowed in `state`."""
    if strict and number < msg.KEXINIT and state in STRICT_STATES:
        return RemoteProtocolError(f"message {number} during strict key exchange")
    if number == msg.UNIMPLEMENTED:
        return RemoteProtocolError("the server does not implement what was sent")
    if state in _KEY_EXCHANGE and not msg.KEX_FIRST <= number <= msg.KEX_LAST:
        return RemoteProtocolError(f"message {number} during key exchange")
    return RemoteProtocolError(f"message {number} where {AWAITED[state]} had to come")


def _packet_rows(*, strict: bool) -> dict[State, dict[int, State]]:
    """Return the rows of `PACKET_STATES` by message number, with `OTHER` spelled out."""
    rows: dict[State, dict[int, State]] = {}
    for state in PACKET_STATES:
        row = TRANSITIONS[state]
        numbers = dict.fromkeys((0, *range(5, 256)), row[OTHER]) if OTHER in row else {}
        numbers |= {key: following for key, following in row.items() if isinstance(key, int)}
        if strict and state in STRICT_STATES:
            numbers = {key: numbers[key] for key in numbers if key >= msg.KEXINIT or key == msg.DISCONNECT}
        rows[state] = numbers
    return rows


PACKETS = _packet_rows(strict=False)
"""The allowed message numbers in each state, and the state after each."""

STRICT_PACKETS = _packet_rows(strict=True)
"""The same under strict key exchange (OpenSSH PROTOCOL 1.9, draft-ietf-sshm-strict-kex)."""
