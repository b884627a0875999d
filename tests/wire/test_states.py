"""The table of states is complete, and the transport follows it in every state."""

from __future__ import annotations

import hashlib
from collections import deque
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire import messages as msg
from sshprobe.wire import states
from sshprobe.wire.errors import LocalProtocolError, RemoteProtocolError
from sshprobe.wire.kex.dh import group
from sshprobe.wire.messages import KexInit
from sshprobe.wire.states import CALLS, LINE_STATES, PACKET_STATES, STRICT_STATES, TRANSITIONS, State
from sshprobe.wire.transport import NEED_DATA, ClientTransport
from tests.wire.playbook import (
    CLIENT,
    DEBUGGING,
    IGNORED,
    STRICT,
    SUITE,
    ScriptedServer,
    disconnect_message,
    kexinit,
    number,
    packet,
    take_outgoing,
    take_packet,
    text,
    u32,
    unimplemented_message,
)

ROOT = Path(__file__).resolve().parents[2]

Key = int | str
"""An input: a key of a row of the table."""

METHODS = {
    states.ECDH: "curve25519-sha256",
    states.DH: "diffie-hellman-group1-sha1",
    states.GEX: "diffie-hellman-group-exchange-sha256",
}
GEX_STATES = (State.GEX_GROUP, State.GEX_OLD_GROUP, State.GEX_GUESS, State.GEX_OLD_GUESS)
ENCRYPTED_STATES = (State.SERVICE, State.AUTHENTICATION)

PAYLOADS = {
    msg.DISCONNECT: disconnect_message(2, b"bye"),
    msg.IGNORE: IGNORED,
    msg.UNIMPLEMENTED: unimplemented_message(1),
    msg.DEBUG: DEBUGGING,
    msg.SERVICE_ACCEPT: bytes((msg.SERVICE_ACCEPT,)) + text(b"ssh-userauth"),
    msg.EXT_INFO: bytes((msg.EXT_INFO,)) + u32(0),
    msg.NEWKEYS: bytes((msg.NEWKEYS,)),
    msg.USERAUTH_FAILURE: bytes((msg.USERAUTH_FAILURE,)) + text(b"publickey") + b"\0",
    msg.USERAUTH_SUCCESS: bytes((msg.USERAUTH_SUCCESS,)),
    msg.USERAUTH_BANNER: bytes((msg.USERAUTH_BANNER,)) + text(b"hello") + text(b""),
}
GROUP, BAD_GROUP = (bytes((msg.KEX_DH_GEX_GROUP,)) + number(modulus) + number(5) for modulus in (23, 24))
P1 = group("group1")


class RecordingTransport(ClientTransport):
    """A transport that keeps every state it has been in."""

    walk: tuple[State, ...] = ()

    def __setattr__(self, name: str, value: object) -> None:
        if name == "state":
            assert isinstance(value, State)
            self.walk += (value,)
        super().__setattr__(name, value)


class Connection:
    """A client, and a scripted server whose lists and method lead along `path` at AGREED."""

    def __init__(self, path: list[Key], *, strict: bool = False) -> None:
        agreed = next((key for key in path if key in TRANSITIONS[State.AGREED]), states.ECDH)
        family, _, guess = str(agreed).partition(", ")
        self.broken = agreed == states.RULE_BROKEN
        self.kex = METHODS.get(family, METHODS[states.ECDH])
        self.server = ScriptedServer(strict=strict)
        names = f"ecdh-sha2-nistp256,{self.kex}" if guess else self.kex
        names += f",{STRICT.decode()}" if strict or self.broken else ""
        self.server.kexinit = kexinit(follows=bool(guess), kex_algorithms=names.encode())
        self.client = RecordingTransport(CLIENT)
        self.sent = bytearray(take_outgoing(self.client))

    def drain(self) -> str | None:
        """Read all events. Return the error at their end."""
        try:
            while self.client.next_event() is not NEED_DATA:
                pass
        except RemoteProtocolError as error:
            return str(error)
        finally:
            self.sent += take_outgoing(self.client)
        return None

    def receive(self, data: bytes) -> str | None:
        self.client.receive_data(data)
        return self.drain()

    def packet(self, payload: bytes) -> str | None:
        encrypted = self.client.state in ENCRYPTED_STATES
        return self.receive(self.server.sealed(payload) if encrypted else self.server.clear(payload))

    def call(self, call: str) -> None:
        client, lists = self.client, KexInit.parse(self.server.kexinit)
        if call == states.START:
            client.start_key_exchange(self.kex, "ssh-ed25519", suite=SUITE)
        elif call == states.START_EARLY:
            client.start_key_exchange(self.kex, "ssh-ed25519", suite=SUITE, expected=lists)
        elif call == states.PROPOSE:
            client.propose()
        elif call == states.REQUEST_METHODS:
            client.request_authentication_methods(b"root")
        else:
            client.disconnect(b"bye")
        self.sent += take_outgoing(client)

    def reply(self) -> bytes:
        """Return the payload of the server's reply, with a right signature except in a group exchange."""
        server = self.server
        if self.kex == METHODS[states.GEX]:
            return bytes((msg.KEX_DH_GEX_REPLY,)) + text(server.blob) + number(5) + text(b"")
        packets = bytearray(self.sent.partition(b"\r\n")[2])
        server.client_kexinit, init = take_packet(packets), take_packet(packets)
        if self.kex == METHODS[states.ECDH]:
            server.client_share = init[5:]
            return server.reply()
        e, y = int.from_bytes(init[5:], "big"), 0xC0FFEE
        f, k = number(pow(2, y, P1)), number(pow(e, y, P1))
        strings = (CLIENT, server.line, server.client_kexinit, server.kexinit, server.blob)
        exchange_hash = hashlib.sha1(b"".join(map(text, strings)) + init[1:] + f + k, usedforsecurity=False).digest()
        return bytes((msg.KEXDH_REPLY,)) + text(server.blob) + f + text(server._sign(exchange_hash))

    def do(self, key: Key) -> str | None:
        """Apply the input `key`. Return the server's error, if any."""
        state = self.client.state
        if key in TRANSITIONS[State.AGREED]:
            return None  # follows from the lists
        if key == states.LINE:
            return self.receive(b"hello\r\n")
        if key in (states.SSH_2, states.SSH_1):
            return self.receive((self.server.line if key == states.SSH_2 else b"SSH-1.5-old") + b"\r\n")
        if isinstance(key, str) and key.endswith(")"):
            self.call(key)
            return None
        if key == states.END_OF_STREAM:
            self.client.receive_eof()
            return self.drain()
        if key == states.ERROR:
            return self.break_off()
        if key == msg.NEWKEYS and state not in ENCRYPTED_STATES:
            return self.receive(self.server.go_encrypted())
        if key == states.BAD_GROUP:
            return self.packet(BAD_GROUP)
        if key in (msg.KEX_ECDH_REPLY, msg.KEX_DH_GEX_REPLY, states.ANSWER):
            return self.packet(GROUP if state in GEX_STATES else self.reply())
        if key == msg.KEXINIT:
            return (self.packet(IGNORED) if self.broken else None) or self.packet(self.server.kexinit)
        return self.packet(b"\x50" if key == states.OTHER else PAYLOADS[int(key)])

    def break_off(self) -> str | None:
        if self.client.state in LINE_STATES:
            return self.receive(b"SSH-nonsense\r\n")
        if self.client.state in ENCRYPTED_STATES:
            *sealed, last = self.server.sealed(IGNORED)
            return self.receive(bytes((*sealed, last ^ 1)))  # a wrong MAC
        return self.receive(b"\xff" * 8)


def path_to(state: State, *, strict: bool = False) -> list[Key] | None:
    """Return the shortest way to `state`, or None."""
    ways: dict[State, list[Key]] = {State.IDENTIFICATION: []}
    queue = deque(ways)
    while queue:
        at = queue.popleft()
        for key, following in TRANSITIONS[at].items():
            forbidden = strict and at in STRICT_STATES and key == msg.UNIMPLEMENTED
            if following not in ways and not forbidden:
                ways[following] = [*ways[at], key]
                queue.append(following)
    return ways.get(state)


def connection_in(state: State, *, strict: bool = False, then: Key | None = None) -> Connection:
    """Return a connection in `state`; at AGREED, `then` is the next input."""
    path = path_to(state, strict=strict)
    assert path is not None
    made = Connection(path if then is None else [*path, then], strict=strict)
    for key in path:
        made.do(key)
    assert (made.client.state is state) == (state is not State.AGREED)
    return made


def label(value: State | Key) -> str:
    return value.name if isinstance(value, State) else str(value)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_state_is_reachable() -> None:
    assert [state for state in State if path_to(state) is None] == []


def test_only_closed_has_no_way_out() -> None:
    assert [state for state, row in TRANSITIONS.items() if not row] == [State.CLOSED]


def test_every_state_but_agreed_can_close() -> None:
    lasting = set(State) - {State.AGREED, State.CLOSED}
    assert all(State.CLOSED in TRANSITIONS[state].values() for state in lasting)


def test_an_old_request_needs_a_server_without_strict_key_exchange() -> None:
    unreachable = [state for state in State if path_to(state, strict=True) is None]
    assert unreachable == [State.GEX_OLD_GUESS, State.GEX_OLD_GROUP]


# -- the transport -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "key"), [(state, key) for state in State for key in TRANSITIONS[state]], ids=label)
def test_every_transition(state: State, key: Key) -> None:
    """Every transition of the table, each with its own conversation."""
    made = connection_in(state, then=key)
    before = len(made.client.walk)
    error = made.do(key)
    following = TRANSITIONS[state][key]
    if state is State.AGREED:
        assert made.client.walk[-2:] == (state, following)
    elif following is State.AGREED:
        assert made.client.walk[before] is following
    else:
        assert made.client.state is following
    assert (error is not None) == (key == states.ERROR or (state in ENCRYPTED_STATES and key in (20, 21)))


S = State
WALKS: dict[str, list[tuple[Key, State]]] = {
    "usual": [
        (states.LINE, S.IDENTIFICATION),
        (states.SSH_2, S.KEXINIT),
        (msg.KEXINIT, S.CHOOSING),
        (states.START, S.ECDH_REPLY),
        (msg.KEX_ECDH_REPLY, S.NEWKEYS),
        (states.REQUEST_METHODS, S.CLIENT_NEWKEYS),
        (msg.NEWKEYS, S.SERVICE),
        (msg.EXT_INFO, S.SERVICE),
        (msg.SERVICE_ACCEPT, S.AUTHENTICATION),
        (msg.USERAUTH_FAILURE, S.AUTHENTICATION),
        (states.LEAVE, S.CLOSED),
    ],
    "early": [
        (states.START_EARLY, S.EARLY_IDENTIFICATION),
        (states.SSH_2, S.EARLY_KEXINIT),
        (msg.KEXINIT, S.ECDH_REPLY),
        (msg.KEX_ECDH_REPLY, S.NEWKEYS),
        (msg.NEWKEYS, S.SERVER_NEWKEYS),
        (states.REQUEST_METHODS, S.SERVICE),
    ],
    states.DH: [
        (states.SSH_2, S.KEXINIT),
        (states.PROPOSE, S.PROPOSED),
        (msg.KEXINIT, S.NEGOTIATED),
        (states.START, S.DH_REPLY),
        (msg.KEXDH_REPLY, S.NEWKEYS),
    ],
    states.ECDH_GUESSED: [
        (states.SSH_2, S.KEXINIT),
        (msg.KEXINIT, S.CHOOSING),
        (states.START, S.ECDH_GUESS),
        (states.ANSWER, S.NEWKEYS),
    ],
    states.DH_GUESSED: [
        (states.SSH_2, S.KEXINIT),
        (states.START_EARLY, S.EARLY_KEXINIT),
        (msg.KEXINIT, S.DH_GUESS),
        (states.OTHER, S.DH_REPLY),
        (msg.KEXDH_REPLY, S.NEWKEYS),
    ],
    states.GEX_GUESSED: [
        (states.SSH_2, S.KEXINIT),
        (msg.KEXINIT, S.CHOOSING),
        (states.START, S.GEX_GUESS),
        (msg.UNIMPLEMENTED, S.GEX_OLD_GUESS),
        (states.OTHER, S.GEX_OLD_GROUP),
        (msg.KEX_DH_GEX_GROUP, S.GEX_REPLY),
        (msg.KEX_DH_GEX_REPLY, S.NEWKEYS),
    ],
}


@pytest.mark.parametrize("name", WALKS)
def test_walks_of_known_servers(name: str) -> None:
    """These conversations are independent of the table."""
    made = Connection([name])
    for key, following in WALKS[name]:
        assert made.do(key) is None
        assert made.client.state is following


PACKET_CASES = [
    pytest.param(state, strict, id=f"{state.name}-{'strict' if strict else 'relaxed'}")
    for state in State
    for strict in (False, True)
    if state in PACKET_STATES and path_to(state, strict=strict) is not None
]


@pytest.mark.parametrize(("state", "strict"), PACKET_CASES)
def test_a_packet_that_is_not_allowed_is_an_error(state: State, strict: bool) -> None:
    row = TRANSITIONS[state]
    refused = []
    for message in (*range(60), 80, 192, 255):
        allowed = message in row or (states.OTHER in row and message not in range(1, 5))
        if strict and state in STRICT_STATES and message < msg.KEXINIT:
            allowed = message == msg.DISCONNECT
        if not allowed:
            made = connection_in(state, strict=strict)
            error = made.packet(bytes((message,)) + bytes(4))
            assert error == words(state, message, strict=strict)
            assert made.client.state is State.CLOSED
            refused.append(message)
    assert refused or state is State.GEX_GUESS  # which ignores other messages


def words(state: State, message: int, *, strict: bool) -> str:
    """Return the error of a packet, as in records."""
    if strict and state in STRICT_STATES and message < 20:
        return f"message {message} during strict key exchange"
    if message == 3:
        return "the server does not implement what was sent"
    if state in (State.KEXINIT, State.PROPOSED, State.EARLY_KEXINIT):
        return f"message {message} where KEXINIT had to come"
    if state in (State.NEWKEYS, State.CLIENT_NEWKEYS):
        return f"message {message} where NEWKEYS had to come"
    if not 30 <= message <= 49:
        return f"message {message} during key exchange"
    if state in (State.GEX_GROUP, State.GEX_OLD_GROUP):
        return f"message {message} where KEX_DH_GEX_GROUP had to come"
    name = {State.ECDH_REPLY: "KEX_ECDH_REPLY", State.DH_REPLY: "KEXDH_REPLY", State.GEX_REPLY: "KEX_DH_GEX_REPLY"}
    return f"message {message} where {name[state]} had to come"


FORBIDDEN_CALLS = [
    (state, call) for state in State for call in CALLS if call not in TRANSITIONS[state] and state is not State.AGREED
]


@pytest.mark.parametrize(("state", "call"), FORBIDDEN_CALLS, ids=label)
def test_a_call_that_is_not_allowed_is_an_error(state: State, call: str) -> None:
    made = connection_in(state)
    with pytest.raises(LocalProtocolError, match=CALLS[call]):
        made.call(call)
    assert made.client.state is state
    assert take_outgoing(made.client) == b""


@pytest.mark.parametrize("error", ["a second NEWKEYS", "the server wants new keys before it answers"])
def test_new_keys_after_newkeys_are_errors(error: str) -> None:
    made = connection_in(State.SERVICE)
    assert made.do(msg.NEWKEYS if "second" in error else msg.KEXINIT) == error


EDGES = {(state, following) for state, row in TRANSITIONS.items() for following in row.values()}
CHUNKS = [
    b"SSH-2.0-x\r\n",
    b"SSH-1.99-y z\n",
    b"hello\r\n",
    packet(kexinit()),
    packet(kexinit(follows=True)),
    packet(GROUP),
]
CHUNKS += [packet(payload) for payload in PAYLOADS.values()]
CALLERS = [*CALLS, states.LEAVE, states.END_OF_STREAM]


@given(
    st.lists(st.binary(max_size=200) | st.sampled_from(CHUNKS) | st.sampled_from(CALLERS), max_size=12),
    st.sampled_from(sorted(TRANSITIONS[State.AGREED])),
)
def test_any_bytes_and_calls_walk_along_the_table(steps: list[bytes | str], agreed: str) -> None:
    """Bytes raise only `RemoteProtocolError`, calls only `LocalProtocolError`, and each step is in the table."""
    made = Connection([agreed])
    for step in steps:
        try:
            made.receive(step) if isinstance(step, bytes) else made.do(step)
        except LocalProtocolError:
            assert isinstance(step, str)
    walk = made.client.walk
    assert walk[0] is State.IDENTIFICATION
    assert made.client.state is not State.AGREED
    assert set(pairwise(walk)) <= EDGES


def test_a_walk_off_the_table_would_be_seen() -> None:
    made = connection_in(State.KEXINIT)
    made.client.state = State.AUTHENTICATION
    walk = made.client.walk
    assert not set(pairwise(walk)) <= EDGES


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_is_drawn_from_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = SourceFileLoader("wire_states", str(ROOT / "scripts" / "wire_states"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    script = module_from_spec(spec)
    loader.exec_module(script)
    text = script.PAGE.read_text("utf-8")
    assert script.page() == text
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    assert script.main(["--check"]) == 1
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0
    assert script.PAGE.read_text("utf-8") == text
    monkeypatch.setitem(TRANSITIONS, State.PROPOSED, {})
    assert script.main(["--check"]) == 1
