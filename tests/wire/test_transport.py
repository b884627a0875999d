"""A connection as a conversation: allowed and forbidden messages of a server, and our events."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.errors import LocalProtocolError, RemoteProtocolError
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
)
from sshprobe.wire.kex.exchange import KeyPairs
from sshprobe.wire.limits import AUTHENTICATION_PACKETS, CONNECTION_BYTES, PACKET_LENGTH
from sshprobe.wire.messages import NAME_LISTS, KexInit
from sshprobe.wire.states import State
from sshprobe.wire.transport import NEED_DATA, ClientTransport
from tests.wire.playbook import (
    CLIENT,
    DEBUGGING,
    EXT_INFO,
    IGNORED,
    KEXINIT,
    KEXINIT_LISTS,
    NEWKEYS,
    SERVICE_ACCEPT,
    SERVICE_REQUEST,
    SUITE,
    USERAUTH_BANNER,
    USERAUTH_FAILURE,
    USERAUTH_REQUEST,
    USERAUTH_SUCCESS,
    Playbook,
    ScriptedServer,
    breaks,
    client_asks,
    client_leaves,
    client_sends,
    client_starts,
    disconnect_message,
    kexinit,
    number,
    opened,
    packet,
    raw,
    relaxed,
    server_closes,
    server_line,
    server_sends,
    splits,
    take_outgoing,
    take_packet,
    text,
    u32,
    unimplemented_message,
)

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.bin"))
EXTRA = Path(__file__).parents[1] / "captures" / "extra"
GEX = "diffie-hellman-group-exchange-sha256"


def events_of(pieces: Sequence[bytes]) -> list[Event | str]:
    """Return the events of a server that sends these pieces and closes."""
    client = ClientTransport(CLIENT)
    events: list[Event | str] = []
    for piece in [*pieces, None]:
        if piece is None:
            client.receive_eof()
        else:
            client.receive_data(piece)
        try:
            while isinstance(event := client.next_event(), Event):
                events.append(event)
        except RemoteProtocolError as error:
            events.append(str(error))
    return events


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


# -- captured servers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
def test_captured_server(capture: Path, bytewise: bool) -> None:
    data, truth = capture.read_bytes(), json.loads(capture.with_suffix(".json").read_text("utf-8"))
    events = events_of(single_bytes(data) if bytewise else [data])
    assert events == events_of([data])
    identified, offered = events
    assert isinstance(identified, IdentificationReceived)
    assert isinstance(offered, KexInitReceived)
    if not truth["server"].lower().startswith("tinyssh"):  # its comment is random
        assert identified.identification.raw.decode("ascii") == truth["identification"]
    for field in NAME_LISTS:
        assert [name.decode("ascii") for name in getattr(offered.kexinit, field)] == truth[field]
    assert offered.kexinit.first_kex_packet_follows == truth["wire"]["first_kex_packet_follows"]
    assert offered.kexinit.reserved == truth["wire"]["reserved"]
    assert offered.kexinit.cookie.hex() == truth["wire"]["cookie"]


def test_the_captures_are_there() -> None:
    assert len(CAPTURES) >= 14


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("openssh-8.2p1-maxstartups", [LineReceived, ConnectionClosed]),
        ("openssh-9.9p2-penalty", [LineReceived, ConnectionClosed]),
        ("openssh-5.3p1-ssh1only-to-ssh2-client", [IdentificationReceived]),
        ("lshd-2.1-bannerfile", [LineReceived, IdentificationReceived, KexInitReceived]),
    ],
)
def test_captured_refusal(name: str, kinds: list[type[Event]], bytewise: bool) -> None:
    data = (EXTRA / f"{name}.bin").read_bytes()
    events = events_of(single_bytes(data) if bytewise else [data])
    assert events == events_of([data])
    found = [type(event) for event in events]
    assert [kind for at, kind in enumerate(found) if kind not in found[:at]] == kinds


# -- the whole way, against a server of our own ------------------------------------------------------------------------


def keyed(server: ScriptedServer, **arguments: Any) -> Playbook:
    """Return a conversation up to the host key, whose event is read."""
    play = Playbook(**arguments) << client_sends(CLIENT + b"\r\n") >> raw(server.opening())
    play = play << IdentificationReceived << KexInitReceived
    client_starts()(play)
    play._collect()
    server.read_exchange(play)
    return play >> raw(server.clear(server.reply())) << HostKeyReceived


def encrypted(server: ScriptedServer, user: bytes = b"root", **arguments: Any) -> Playbook:
    """Return a conversation up to our SERVICE_REQUEST."""
    play = keyed(server, **arguments) >> raw(server.go_encrypted())
    client_asks(user)(play)
    play._collect()
    server.client_newkeys(play)
    assert server.client_payloads(play) == [bytes((SERVICE_REQUEST,)) + text(b"ssh-userauth")]
    return play


ACCEPTED = bytes((SERVICE_ACCEPT,)) + text(b"ssh-userauth")
REFUSED = bytes((USERAUTH_FAILURE,)) + text(b"publickey,password") + b"\x00"
NONE_REQUEST = bytes((USERAUTH_REQUEST,)) + text(b"root") + text(b"ssh-connection") + text(b"none")


@pytest.mark.parametrize("pieces", [None, 1, 5])
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "relaxed"])
def test_the_whole_way(strict: bool, pieces: int | None) -> None:
    server = ScriptedServer(strict=strict)
    play = encrypted(server, pieces=pieces)
    extensions = bytes((EXT_INFO,)) + u32(1) + text(b"server-sig-algs") + text(b"ssh-ed25519")
    banner = bytes((USERAUTH_BANNER,)) + text(b"Keep out\r\n") + text(b"")
    play = play >> raw(server.sealed(extensions)) << ExtensionsReceived(((b"server-sig-algs", b"ssh-ed25519"),))
    play = play >> raw(server.sealed(ACCEPTED))
    assert server.client_payloads(play) == [NONE_REQUEST]
    play = play >> raw(server.sealed(IGNORED, banner, DEBUGGING, REFUSED))
    play = play << AuthenticationBanner(b"Keep out\r\n") << AuthenticationFailed((b"publickey", b"password"))
    play = play >> client_leaves(b"done")
    assert server.client_payloads(play) == [disconnect_message(11, b"done")]
    play.done()


@pytest.mark.parametrize(
    ("markers", "strict"),
    [
        (b"kex-strict-s", True),
        (b"kex-strict-s,kex-strict-s-v00@openssh.com", True),
        (b"kex-strict-c,kex-strict-c-v00@openssh.com", False),
        (b"kex-strict-s@openssh.com,KEX-STRICT-S", False),
    ],
)
def test_either_form_of_the_servers_marker_makes_it_strict(markers: bytes, strict: bool) -> None:
    server = ScriptedServer(strict=strict, kex_algorithms=b"curve25519-sha256," + markers)
    play = encrypted(server) >> raw(server.sealed(ACCEPTED))  # each MAC covers the sequence number
    assert server.client_payloads(play) == [NONE_REQUEST]
    (play >> raw(server.sealed(REFUSED)) << AuthenticationFailed((b"publickey", b"password"))).done()


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "relaxed"])
def test_the_request_may_go_with_the_one_for_the_service(strict: bool) -> None:
    server = ScriptedServer(strict=strict)
    play = keyed(server) >> raw(server.go_encrypted())
    play.client.request_authentication_methods(b"root", at_once=True)
    play._collect()
    server.client_newkeys(play)
    assert server.client_payloads(play) == [bytes((SERVICE_REQUEST,)) + text(b"ssh-userauth"), NONE_REQUEST]
    play = play >> raw(server.sealed(ACCEPTED))
    play.done()  # it is not sent again
    (play >> raw(server.sealed(REFUSED)) << AuthenticationFailed((b"publickey", b"password"))).done()


def test_the_signature_is_verified() -> None:
    server = ScriptedServer()
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> raw(server.opening())
    play = play << IdentificationReceived << KexInitReceived
    client_starts()(play)
    play._collect()
    server.read_exchange(play)
    play.feed(server.clear(server.reply()))
    event = play.events.pop()
    assert isinstance(event, HostKeyReceived)
    assert event.signature_verified is True
    assert (event.host_key.blob, event.host_key.type) == (server.blob, "ssh-ed25519")
    assert (event.signature_algorithm, event.kex_algorithm) == ("ssh-ed25519", "curve25519-sha256")


def answered(**reply: Any) -> tuple[Playbook, ScriptedServer]:
    """Return a conversation up to a reply that may be wrong; its events have the result."""
    server = ScriptedServer()
    play = opened(server.line, server.kexinit)
    server.sent = 1
    client_starts(key=reply.pop("key", "ssh-ed25519"))(play)
    play._collect()
    server.read_exchange(play)
    play.feed(server.clear(server.reply(**reply)))
    return play, server


@pytest.mark.parametrize(
    "sign",
    [
        lambda data: text(b"ssh-ed25519") + text(bytes(64)),
        lambda data: text(b"ssh-ed25519") + text(b""),
        lambda data: text(b"rsa-sha2-512") + text(bytes(64)),
        lambda data: b"",
        lambda data: b"\xff" * 40,
        lambda data: ScriptedServer()._sign(b"another exchange"),
        lambda data: ScriptedServer()._sign(data)[:-1],
        lambda data: ScriptedServer()._sign(data) + b"\x00",
    ],
)
def test_wrong_signature(sign: Callable[[bytes], bytes]) -> None:
    play, _ = answered(sign=sign)
    event = play.events.pop()
    assert isinstance(event, HostKeyReceived)
    assert event.signature_verified is False


@pytest.mark.parametrize("key_pairs", [None, {}], ids=["two key pairs", "one key pair"])
def test_a_reply_to_another_exchange_proves_nothing(key_pairs: KeyPairs | None) -> None:
    server = ScriptedServer()
    first, second = (opened(server.line, server.kexinit, key_pairs=key_pairs) for _ in range(2))
    for play in (first, second):
        client_starts()(play)
        play._collect()
    server.read_exchange(first)
    (first >> server_sends(server.reply()) << HostKeyReceived).done()
    replayed = server.reply()
    second.sent.clear()
    second.feed(packet(replayed))
    event = second.events.pop()
    assert isinstance(event, HostKeyReceived)
    assert event.signature_verified is False


def test_unknown_host_key_type_is_kept() -> None:
    blob = text(b"ssh-new@example.org") + b"\x00\x01\x02"
    play, _ = answered(blob=blob, key="ssh-new@example.org")
    event = play.events.pop()
    assert isinstance(event, HostKeyReceived)
    assert (event.host_key.type, event.host_key.blob) == ("ssh-new@example.org", blob)
    assert event.host_key.bits is None
    assert event.signature_verified is None


@pytest.mark.parametrize(
    "blob",
    [
        text(b"ssh-rsa") + number(65537) + number((1 << 2047) + 1),
        text(b"ssh-new@example.org") + b"xyz",
        text(b"ssh-ed25519-cert-v01@openssh.com") + b"xyz",
    ],
)
def test_host_key_of_another_type_than_asked(blob: bytes) -> None:
    if b"cert" in blob:
        (answered(blob=blob)[0] << breaks("host key ends within")).done()
    else:
        (answered(blob=blob)[0] << breaks("of another type than was asked for")).done()


@pytest.mark.parametrize("blob", [b"", text(b""), text(b"ssh-ed25519"), text(b"ssh-ed25519") + text(bytes(31))])
def test_malformed_host_key(blob: bytes) -> None:
    (answered(blob=blob)[0] << breaks("key")).done()


@pytest.mark.parametrize("share", [b"", bytes(31), bytes(33), bytes(32), b"\x01" + bytes(31), b"\x00" * 1000])
def test_no_point_of_the_curve(share: bytes) -> None:
    (answered(share=share)[0] << breaks("not a point on the curve")).done()


def test_reply_truncated_anywhere() -> None:
    server = ScriptedServer()
    play = opened(server.line, server.kexinit)
    client_starts()(play)
    play._collect()
    server.read_exchange(play)
    whole = server.reply()
    for end in range(1, len(whole)):
        other = opened(server.line, server.kexinit)
        client_starts()(other)
        other._collect()
        other.sent.clear()
        (other >> server_sends(whole[:end]) << breaks("KEX_ECDH_REPLY ends within")).done()


def test_none_that_logs_in() -> None:
    server = ScriptedServer()
    play = encrypted(server) >> raw(server.sealed(ACCEPTED))
    assert server.client_payloads(play) == [NONE_REQUEST]
    (play >> raw(server.sealed(bytes((USERAUTH_SUCCESS,)))) << AuthenticationSucceeded).done()


def test_success_before_our_request_is_not_believed() -> None:
    server = ScriptedServer()
    play = encrypted(server) >> raw(server.sealed(bytes((USERAUTH_SUCCESS,)), REFUSED))
    assert server.client_payloads(play) == [unimplemented_message(0), unimplemented_message(1)]
    play.done()


def test_unknown_messages_are_answered() -> None:
    server = ScriptedServer()
    play = encrypted(server) >> raw(server.sealed(ACCEPTED))
    server.client_payloads(play)
    play = play >> raw(server.sealed(b"\x50" + text(b"hostkeys-00@openssh.com") + b"\x00"))
    assert server.client_payloads(play) == [unimplemented_message(1)]
    (play >> raw(server.sealed(REFUSED)) << AuthenticationFailed).done()


def test_endless_chatter_after_newkeys() -> None:
    server = ScriptedServer()
    play = encrypted(server) >> raw(server.sealed(*[b"\x50"] * AUTHENTICATION_PACKETS))
    assert len(server.client_payloads(play)) == AUTHENTICATION_PACKETS
    (play >> raw(server.sealed(b"\x50")) << breaks("more than 64 packets before an answer")).done()


def test_newkeys_after_our_request() -> None:
    """The server's NEWKEYS may come late: we continue without it."""
    server = ScriptedServer()
    play = keyed(server)
    client_asks()(play)
    play._collect()
    server.client_newkeys(play)
    newkeys = server.go_encrypted()
    server.client_payloads(play)
    (play >> raw(newkeys) >> raw(server.sealed(ACCEPTED)) << (lambda play: play.sent.clear())).done()


@pytest.mark.parametrize("pieces", [None, 1])
def test_wrong_mac(pieces: int | None) -> None:
    server = ScriptedServer()
    play = encrypted(server, pieces=pieces)
    sealed = bytearray(server.sealed(ACCEPTED))
    sealed[-1] ^= 1
    (play >> raw(bytes(sealed)) << breaks("wrong MAC")).done()


def test_no_encrypted_part_without_keys() -> None:
    play = opened()
    with pytest.raises(LocalProtocolError):
        play.client.request_authentication_methods(b"root")
    server = ScriptedServer()
    play = keyed(server)


# -- strict key exchange (OpenSSH PROTOCOL 1.10) -----------------------------------------------------------------------


@pytest.mark.parametrize("message", [IGNORED, DEBUGGING, unimplemented_message(0)])
def test_strict_nothing_before_kexinit(message: bytes) -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    play = play >> server_sends(message, kexinit()) << KexInitReceived  # the lists are still facts
    (play >> client_starts() << breaks("something came before KEXINIT under strict key exchange")).done()


@pytest.mark.parametrize("message", [IGNORED, DEBUGGING, unimplemented_message(1), b"\x07" + u32(0), ACCEPTED])
def test_strict_nothing_between(message: bytes) -> None:
    play = opened() >> client_starts() << client_sends(KEXINIT, 30)
    (play >> server_sends(message) << breaks(f"message {message[0]} during strict key exchange")).done()


@pytest.mark.parametrize("message", [IGNORED, DEBUGGING, unimplemented_message(1)])
def test_strict_nothing_before_newkeys(message: bytes) -> None:
    server = ScriptedServer()
    (keyed(server) >> server_sends(message) << breaks("during strict key exchange")).done()


def test_strict_disconnect_may_come_anywhere() -> None:
    bye = disconnect_message(2, b"no")
    (
        opened() >> client_starts() << client_sends(KEXINIT, 30) >> server_sends(bye) << DisconnectReceived(2, b"no")
    ).done()
    (keyed(ScriptedServer()) >> server_sends(bye) << DisconnectReceived(2, b"no")).done()


def test_strict_restarts_the_sequence_numbers() -> None:
    server = ScriptedServer()
    play = encrypted(server)  # its MACs and ours start at 0: `client_payloads` has checked ours
    assert server.sent == 0
    play = play >> raw(server.sealed(ACCEPTED))
    assert server.client_payloads(play) == [NONE_REQUEST]
    play.done()


def test_strict_a_server_that_does_not_restart_them() -> None:
    server = ScriptedServer()
    play = encrypted(server)
    server.sent = 3
    (play >> raw(server.sealed(ACCEPTED)) << breaks("wrong MAC")).done()


def test_relaxed_a_server_that_restarts_them() -> None:
    server = ScriptedServer(strict=False)
    play = encrypted(server)
    server.sent = 0
    (play >> raw(server.sealed(ACCEPTED)) << breaks("wrong MAC")).done()


def test_relaxed_ignored_messages_are_counted() -> None:
    """Terrapin needs this: without strict key exchange, IGNORE increments the sequence number."""
    server = ScriptedServer(strict=False)
    play = Playbook() << client_sends(CLIENT + b"\r\n")
    play = play >> raw(
        server.line + b"\r\n" + server.clear(IGNORED) + server.clear(DEBUGGING) + server.clear(server.kexinit)
    )
    play = play << IdentificationReceived << KexInitReceived
    client_starts()(play)
    play._collect()
    server.read_exchange(play)
    play = play >> raw(server.clear(IGNORED) + server.clear(server.reply())) << HostKeyReceived
    play = play >> raw(server.clear(IGNORED) + server.go_encrypted())
    client_asks()(play)
    play._collect()
    server.client_newkeys(play)
    server.client_payloads(play)
    play = play >> raw(server.sealed(ACCEPTED))
    assert server.client_payloads(play) == [NONE_REQUEST]


def test_we_ask_for_strictness_and_extensions() -> None:
    play = opened(payload=relaxed())
    client_starts()(play)
    play._collect()
    names = b"curve25519-sha256,ext-info-c,kex-strict-c,kex-strict-c-v00@openssh.com"
    assert text(names) in play.sent  # both forms of our marker, and never the server's


# -- messages that may come anywhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [IGNORED, bytes((2,)), DEBUGGING, bytes((4,))])
def test_ignored_anywhere(message: bytes) -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    play = play >> server_sends(message, message) >> server_sends(relaxed(), message) << KexInitReceived
    play = play >> client_starts() << client_sends(KEXINIT, 30)
    play = play >> server_sends(message, message)
    play.done()


def test_unimplemented_before_kexinit_is_ignored() -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> server_sends(unimplemented_message(0), relaxed()) << KexInitReceived).done()


def test_unimplemented_without_an_alternative() -> None:
    play = opened(payload=relaxed()) >> client_starts() << client_sends(KEXINIT, 30)
    (play >> server_sends(unimplemented_message(1)) << breaks("does not implement what was sent")).done()
    server = ScriptedServer()
    (encrypted(server) >> raw(server.sealed(unimplemented_message(0))) << breaks("does not implement")).done()


@pytest.mark.parametrize("pieces", [None, 1])
def test_disconnect_anywhere(pieces: int | None) -> None:
    bye, said = disconnect_message(12, b"Too many \x1b[31m"), DisconnectReceived(12, b"Too many \x1b[31m")
    play = Playbook(pieces=pieces) << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x")
    (play << IdentificationReceived >> server_sends(bye) << said >> client_leaves() >> server_sends(bye)).done()
    play = opened(pieces=pieces) >> server_sends(bye)  # not read before the caller has decided
    (play >> client_starts() << said << client_sends(KEXINIT, 30)).done()
    server = ScriptedServer()
    (keyed(server, pieces=pieces) >> raw(server.clear(bye)) << said).done()
    server = ScriptedServer()
    (encrypted(server, pieces=pieces) >> raw(server.sealed(bye)) << said).done()


@pytest.mark.parametrize("message", [b"\x01", b"\x01" + u32(2), b"\x01" + u32(2) + u32(400) + b"x"])
def test_malformed_disconnect(message: bytes) -> None:
    (
        opened() >> client_starts() << client_sends(KEXINIT, 30) >> server_sends(message) << breaks("DISCONNECT ends")
    ).done()


@pytest.mark.parametrize("number", [5, 6, 7, 21, 30, 31, 50, 80, 0, 255])
def test_anything_else_before_kexinit(number: int) -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> server_sends(bytes((number, 0))) << breaks(f"message {number} where KEXINIT had to come")).done()


@pytest.mark.parametrize("number", [0, 5, 6, 7, 20, 21, 22, 29, 50, 51, 52, 80, 255])
def test_anything_else_during_the_exchange(number: int) -> None:
    play = opened(payload=relaxed()) >> client_starts() << client_sends(KEXINIT, 30)
    (play >> server_sends(bytes((number, 0))) << breaks(f"message {number} during key exchange")).done()


@pytest.mark.parametrize("number", [30, 32, 33, 34, 49])
def test_another_message_of_the_method(number: int) -> None:
    play = opened() >> client_starts() << client_sends(KEXINIT, 30)
    (play >> server_sends(bytes((number,)) + bytes(40)) << breaks(f"message {number} where KEX_ECDH_REPLY")).done()


@pytest.mark.parametrize("number", [20, 31, 51, 52, 53])
def test_anything_else_before_newkeys(number: int) -> None:
    server = ScriptedServer(strict=False)
    (keyed(server) >> server_sends(bytes((number,))) << breaks(f"message {number} where NEWKEYS had to come")).done()
    server = ScriptedServer(strict=False)
    play = keyed(server)
    client_asks()(play)
    play._collect()
    play.sent.clear()
    (play >> server_sends(bytes((number,))) << breaks(f"message {number} where NEWKEYS had to come")).done()


def test_second_newkeys_and_new_exchange() -> None:
    server = ScriptedServer()
    (encrypted(server) >> raw(server.sealed(bytes((NEWKEYS,)))) << breaks("second NEWKEYS")).done()
    server = ScriptedServer()
    (encrypted(server) >> raw(server.sealed(kexinit())) << breaks("wants new keys")).done()


@pytest.mark.parametrize("end", range(0, len(kexinit()), 3))
def test_kexinit_truncated(end: int) -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    if end:
        (play >> server_sends(kexinit()[:end]) << breaks("KEXINIT ends within")).done()


# -- first_kex_packet_follows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [None, 1])
@pytest.mark.parametrize(
    "lists",
    [
        {"kex_algorithms": b"ecdh-sha2-nistp256,curve25519-sha256"},
        {"server_host_key_algorithms": b"ssh-rsa,ssh-ed25519"},
    ],
)
def test_wrong_guess_is_skipped(lists: dict[str, Any], pieces: int | None) -> None:
    server = ScriptedServer(strict=False, **lists)
    server.kexinit = relaxed(follows=True, **lists)
    play = opened(server.line, server.kexinit, pieces=pieces)
    play = play >> raw(packet(IGNORED) + packet(b"\x1f" + text(b"a guess")))
    client_starts()(play)
    play._collect()
    server.read_exchange(play)
    (play >> server_sends(server.reply()) << HostKeyReceived).done()


@pytest.mark.parametrize("signed", [True, False])
def test_a_guess_that_is_announced_and_never_comes(signed: bool) -> None:
    """A right reply is accepted; one with a wrong signature could be the guess."""
    wrong = {"kex_algorithms": b"ecdh-sha2-nistp256,curve25519-sha256"}
    server = ScriptedServer(strict=False, **wrong)
    server.kexinit = relaxed(follows=True, **wrong)
    play = opened(server.line, server.kexinit)
    client_starts()(play)
    play._collect()
    server.read_exchange(play)
    forged = None if signed else lambda data: text(b"ssh-ed25519") + text(bytes(64))
    play = play >> server_sends(server.reply(sign=forged))
    if signed:
        (play << HostKeyReceived).done()
    else:
        play.done()  # it counts neither as a proof nor as a wrong one


def test_only_one_message_is_a_guess() -> None:
    payload = relaxed(follows=True, kex_algorithms=b"ecdh-sha2-nistp256,curve25519-sha256")
    play = opened(payload=payload) >> client_starts() << client_sends(KEXINIT, 30)
    (play >> server_sends(b"\x1f", b"\x1f") << breaks("KEX_ECDH_REPLY ends within")).done()


def test_right_guess_is_the_first_message() -> None:
    play = opened(payload=relaxed(follows=True)) >> server_sends(b"\x1f" + text(b"a guess"))
    (play >> client_starts() << breaks("KEX_ECDH_REPLY ends within") << client_sends(KEXINIT, 30)).done()
    server = ScriptedServer(strict=False)
    server.kexinit = relaxed(follows=True)
    play = opened(server.line, server.kexinit)
    client_starts()(play)
    play._collect()
    server.read_exchange(play)
    (play >> server_sends(server.reply()) << HostKeyReceived).done()


# -- an exchange that is started before the server's lists -------------------------------------------------------------


def early(payload: bytes, kex: str = "curve25519-sha256", **arguments: Any) -> Playbook:
    """Return a playbook without server data, with the exchange started by the lists of `payload`."""
    play = Playbook(**arguments) << client_sends(CLIENT + b"\r\n")
    play = play >> client_starts(kex, expected=KexInit.parse(payload))
    return play << client_sends(KEXINIT, 34 if kex == GEX else 30)


def test_identification_lists_and_first_message_are_one_piece() -> None:
    client = ClientTransport(CLIENT)
    client.start_key_exchange("curve25519-sha256", "ssh-ed25519", suite=SUITE, expected=KexInit.parse(kexinit()))
    line, _, packets = take_outgoing(client).partition(b"\r\n")
    sent = bytearray(packets)
    ours = KexInit.parse(take_packet(sent))
    assert (line, take_packet(sent)[0], bytes(sent)) == (CLIENT, 30, b"")
    assert (ours.kex_algorithms[0], ours.server_host_key_algorithms) == (b"curve25519-sha256", (b"ssh-ed25519",))
    assert (
        not ours.first_kex_packet_follows
    )  # it would mark our message as a guess, to be dropped if others are preferred


@pytest.mark.parametrize("pieces", [None, 1, 5])
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "relaxed"])
@pytest.mark.parametrize("before", [b"", b"hello\r\n"], ids=["", "after a line"])
def test_the_whole_way_early(strict: bool, pieces: int | None, before: bytes) -> None:
    server = ScriptedServer(strict=strict)
    play = Playbook(pieces=pieces) << client_sends(CLIENT + b"\r\n")
    client_starts(expected=KexInit.parse(server.kexinit))(play)
    play._collect()
    server.read_exchange(play)
    play.feed(before)
    play.events.clear()
    opening = server.opening()
    play.feed(opening + server.clear(server.reply()))  # all of it may come at once, as nothing needs a decision
    play = play << IdentificationReceived << KexInitReceived(KexInit.parse(server.kexinit))
    event = play.events.pop()
    assert isinstance(event, HostKeyReceived)
    assert event.signature_verified is True
    play = play >> raw(server.go_encrypted())
    client_asks()(play)
    play._collect()
    server.client_newkeys(play)
    assert server.client_payloads(play) == [bytes((SERVICE_REQUEST,)) + text(b"ssh-userauth")]
    play = play >> raw(server.sealed(ACCEPTED))
    assert server.client_payloads(play) == [NONE_REQUEST]
    (play >> raw(server.sealed(REFUSED)) << AuthenticationFailed((b"publickey", b"password"))).done()


def test_it_may_start_behind_the_identification() -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    play = play >> client_starts(expected=KexInit.parse(kexinit())) << client_sends(KEXINIT, 30)
    (play >> server_sends(kexinit()) << KexInitReceived).done()


@pytest.mark.parametrize(
    "field",
    [field for field in NAME_LISTS if not field.startswith("languages")],
)
def test_lists_without_the_named_algorithms(field: str) -> None:
    """They are still facts, and later data is not read."""
    play = early(relaxed()) >> raw(b"SSH-2.0-x\r\n" + packet(relaxed(**{field: b"something-else"})) + packet(b"\x1f"))
    (play << IdentificationReceived << KexInitReceived << breaks("does not offer what it was expected to")).done()


def test_other_lists_with_the_named_algorithms() -> None:
    offered: dict[str, Any] = {name: b"another," + usual for name, usual in KEXINIT_LISTS.items() if usual}
    play = early(relaxed()) >> raw(b"SSH-2.0-x\r\n" + packet(kexinit(**offered, languages_client_to_server=b"de")))
    play = play << IdentificationReceived << KexInitReceived
    assert play.client.state is State.ECDH_REPLY
    (play >> server_sends(b"\x1f") << breaks("KEX_ECDH_REPLY ends within")).done()


@pytest.mark.parametrize("expected", [kexinit(), relaxed()], ids=["strict", "relaxed"])
@pytest.mark.parametrize("message", [IGNORED, DEBUGGING])
def test_early_strictness_follows_this_connection(message: bytes, expected: bytes) -> None:
    start = server_line(b"SSH-2.0-x")
    play = early(expected) >> start << IdentificationReceived >> server_sends(message, kexinit()) << KexInitReceived
    (play << breaks("something came before KEXINIT under strict key exchange")).done()
    play = early(expected) >> start << IdentificationReceived >> server_sends(kexinit()) << KexInitReceived
    (play >> server_sends(message) << breaks(f"message {message[0]} during strict key exchange")).done()
    play = early(expected) >> start << IdentificationReceived >> server_sends(message, relaxed()) << KexInitReceived
    (play >> server_sends(message)).done()


def test_early_a_wrong_guess_is_skipped_and_a_right_one_is_not() -> None:
    other = b"ecdh-sha2-nistp256,curve25519-sha256"
    start = server_line(b"SSH-2.0-x")
    play = early(relaxed()) >> start << IdentificationReceived
    play = play >> server_sends(relaxed(follows=True, kex_algorithms=other), b"\x1f" + text(b"a guess"))
    play = play << KexInitReceived
    (play >> server_sends(b"\x1f") << breaks("KEX_ECDH_REPLY ends within")).done()
    play = early(relaxed(kex_algorithms=other)) >> start << IdentificationReceived
    play = play >> server_sends(relaxed(follows=True), b"\x1f" + text(b"a guess"))
    (play << KexInitReceived << breaks("KEX_ECDH_REPLY ends within")).done()


@pytest.mark.parametrize("number", [5, 6, 7, 21, 30, 31, 50, 80, 0, 255])
def test_early_anything_else_before_kexinit(number: int) -> None:
    play = early(kexinit()) >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> server_sends(bytes((number, 0))) << breaks(f"message {number} where KEXINIT had to come")).done()


def test_early_unimplemented() -> None:
    """Before KEXINIT it answers our first message; after it, a group may be requested the old way."""
    play = early(kexinit()) >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> server_sends(unimplemented_message(0)) << breaks("does not implement what was sent")).done()
    lists = relaxed(kex_algorithms=GEX.encode())
    play = early(lists, GEX) >> server_line(b"SSH-2.0-x") << IdentificationReceived
    play = play >> server_sends(lists, unimplemented_message(1)) << KexInitReceived << client_sends(b"\x1e" + u32(1024))
    (play >> server_sends(GROUP) << GroupReceived(23, 5, None) << client_sends(32)).done()


def test_early_and_over() -> None:
    bye = disconnect_message(2, b"no")
    play = early(kexinit()) >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> server_sends(bye) << DisconnectReceived(2, b"no") >> server_sends(kexinit())).done()
    (early(kexinit()) >> server_closes() << ConnectionClosed()).done()
    (early(kexinit()) >> server_line(b"SSH-1.5-x") << IdentificationReceived >> client_leaves()).done()
    (early(kexinit()) >> client_leaves()).done()  # before an identification there is no SSH server to answer
    play = early(kexinit()) >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> client_leaves() << client_sends(disconnect_message(11, b"bye"))).done()
    play = early(kexinit(), byte_limit=20) >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> server_sends(kexinit()) << breaks("more than 20 bytes")).done()


# -- group exchange ----------------------------------------------------------------------------------------------------

GEX_LISTS: dict[str, Any] = {"kex_algorithms": GEX.encode()}
GROUP = b"\x1f" + number(23) + number(5)


def test_group_exchange() -> None:
    play = opened(payload=kexinit(**GEX_LISTS)) >> client_starts(GEX)
    play = play << client_sends(KEXINIT, b"\x22" + u32(1024) + u32(1024) + u32(8192))
    (play >> server_sends(GROUP) << GroupReceived(23, 5, None) << client_sends(32)).done()


def test_old_request_after_unimplemented() -> None:
    play = opened(payload=kexinit(**GEX_LISTS)) >> client_starts(GEX) << client_sends(KEXINIT, 34)
    play = play >> server_sends(unimplemented_message(1)) << client_sends(b"\x1e" + u32(1024))
    (play >> server_sends(GROUP) << GroupReceived(23, 5, None) << client_sends(32)).done()


def test_old_request_is_the_last_word() -> None:
    play = opened(payload=kexinit(**GEX_LISTS)) >> client_starts(GEX) << client_sends(KEXINIT, 34)
    play = play >> server_sends(unimplemented_message(1)) << client_sends(30)
    (play >> server_sends(unimplemented_message(2)) << breaks("does not implement what was sent")).done()


def test_unimplemented_after_the_group() -> None:
    play = opened(payload=kexinit(**GEX_LISTS)) >> client_starts(GEX) << client_sends(KEXINIT, 34)
    play = play >> server_sends(GROUP) << GroupReceived << client_sends(32)
    (play >> server_sends(unimplemented_message(2)) << breaks("does not implement what was sent")).done()


@pytest.mark.parametrize(
    ("modulus", "generator", "fault"),
    [
        (0, 2, "no group"),
        (3, 2, "no group"),
        (24, 5, "no group"),
        (23, 0, "no group"),
        (23, 1, "no group"),
        (23, 22, "no group"),
        (23, 23, "no group"),
        ((1 << 8192) | 1, 2, "larger than what we asked for"),
        ((1 << 100_000) | 1, 2, "larger than what we asked for"),
    ],
    ids=[0, 3, 24, "g0", "g1", "g22", "g23", "8193 bits", "100001 bits"],
)
def test_an_invalid_group(modulus: int, generator: int, fault: str) -> None:
    play = opened(payload=kexinit(**GEX_LISTS)) >> client_starts(GEX) << client_sends(KEXINIT, 34)
    play.feed(packet(b"\x1f" + number(modulus) + number(generator)))
    event = play.events.pop()
    assert isinstance(event, GroupReceived)
    assert (event.modulus, event.generator) == (modulus, generator)
    assert fault in str(event.fault)
    assert fault in repr(event)  # the numbers are not in it: Python refuses to print the largest
    assert play.client.state is State.CLOSED
    (play >> server_sends(GROUP)).done()


def test_largest_group_is_used() -> None:
    play = opened(payload=kexinit(**GEX_LISTS)) >> client_starts(GEX) << client_sends(KEXINIT, 34)
    modulus = (1 << 8191) | 1
    (
        play
        >> server_sends(b"\x1f" + number(modulus) + number(2))
        << GroupReceived(modulus, 2, None)
        << client_sends(32)
    ).done()


@pytest.mark.parametrize("f", [0, 1, 22, 23, 24, 1 << 200])
def test_public_value_out_of_range(f: int) -> None:
    reply = text(text(b"ssh-ed25519") + text(bytes(32))) + number(f) + text(b"")
    play = opened(payload=kexinit(**GEX_LISTS)) >> client_starts(GEX) << client_sends(KEXINIT, 34)
    play = play >> server_sends(GROUP) << GroupReceived << client_sends(32)
    (play >> server_sends(b"\x21" + reply) << breaks("public value is out of range")).done()


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [None, 1000, 65536])
def test_byte_budget(pieces: int | None) -> None:
    """Data before the flood is reported, in any pieces."""
    play = Playbook(pieces=pieces) << client_sends(CLIENT + b"\r\n")
    server = packet(relaxed())
    flood = packet(IGNORED) * (CONNECTION_BYTES // len(packet(IGNORED)))
    play = play >> raw(b"SSH-2.0-x\r\n" + server + flood) << IdentificationReceived << KexInitReceived
    (play >> client_starts() << breaks(f"more than {CONNECTION_BYTES} bytes") << client_sends(KEXINIT, 30)).done()
    assert len(play.client._in) <= CONNECTION_BYTES


def test_byte_budget_to_the_byte() -> None:
    data = b"SSH-2.0-x\r\n" + packet(IGNORED)
    play = Playbook(byte_limit=len(data)) << client_sends(CLIENT + b"\r\n") >> raw(data) << IdentificationReceived
    (play >> raw(b"") >> raw(b"x") << breaks(f"more than {len(data)} bytes")).done()
    play = Playbook(byte_limit=len(data) - 1)
    play.client.receive_data(data)
    play.client.receive_data(b"")  # data past the limit stays unread
    play._collect()
    (play << client_sends(CLIENT + b"\r\n") << IdentificationReceived << breaks("more than")).done()
    play = Playbook(byte_limit=len(data) - 1) << client_sends(CLIENT + b"\r\n") >> raw(data)
    (play << IdentificationReceived << breaks("more than")).done()


def test_nothing_more_is_held_once_it_is_over() -> None:
    play = opened(byte_limit=4096) >> client_leaves() << client_sends(1)
    (play >> raw(b"x" * 100_000)).done()
    assert len(play.client._in) <= 4096


@pytest.mark.parametrize("length", [PACKET_LENGTH + 1, 2**32 - 1])
def test_endless_packet(length: int) -> None:
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> raw(u32(length)) << breaks("at most 35000 are read")).done()


def test_data_before_the_end_is_reported() -> None:
    part = packet(kexinit())[:100]
    play = Playbook() << client_sends(CLIENT + b"\r\n") >> server_line(b"SSH-2.0-x") << IdentificationReceived
    (play >> raw(part) >> server_closes() << ConnectionClosed() >> client_leaves()).done()


# -- misuse ------------------------------------------------------------------------------------------------------------


def test_decisions_at_the_wrong_time() -> None:
    client = ClientTransport(CLIENT)
    with pytest.raises(LocalProtocolError, match="no key exchange can start now"):
        client.start_key_exchange("curve25519-sha256", "ssh-ed25519", suite=SUITE)
    lists = KexInit.parse(kexinit())
    for play in (early(kexinit()), opened(), keyed(ScriptedServer())):  # once, and not with lists that have arrived
        with pytest.raises(LocalProtocolError, match="no key exchange can start now"):
            play.client.start_key_exchange("curve25519-sha256", "ssh-ed25519", suite=SUITE, expected=lists)
    with pytest.raises(LocalProtocolError, match="no keys to go on with"):
        client.request_authentication_methods(b"root")
    with pytest.raises(LocalProtocolError, match="no key exchange 'rot13'"):
        opened().client.start_key_exchange("rot13", "ssh-ed25519", suite=SUITE)


def test_leaving_in_clear() -> None:
    goodbye = client_sends(disconnect_message(11, b"bye"))
    (opened() >> client_leaves() << goodbye >> client_leaves()).done()
    (keyed(ScriptedServer()) >> client_leaves() << goodbye >> server_sends(bytes((NEWKEYS,)))).done()
    server = ScriptedServer()
    (keyed(server) >> raw(server.go_encrypted()) >> client_leaves() << goodbye).done()


# -- properties --------------------------------------------------------------------------------------------------------

VALID: list[tuple[bytes, str]] = [
    (b"hello\r\nSSH-2.0-x y\r\n" + packet(IGNORED) + packet(relaxed()), "curve25519-sha256"),
    (b"SSH-2.0-x\n" + packet(kexinit(**GEX_LISTS)) + packet(GROUP), GEX),
    (b"SSH-2.0-x\n" + packet(relaxed(**GEX_LISTS)) + packet(unimplemented_message(1)) + packet(GROUP), GEX),
    (b"SSH-2.0-x\r\n" + packet(kexinit()) + packet(disconnect_message(3, b"no")), "curve25519-sha256"),
    *((capture.read_bytes(), "curve25519-sha256") for capture in CAPTURES[:6]),
]


def conversation(
    pieces: Sequence[bytes], kex: str, *, close: bool = True, expected: KexInit | None = None
) -> tuple[list[Event | str], bytes]:
    """Return the events if the caller always continues, and the numbers of sent messages.

    `expected`: it starts before the server's first byte.
    """
    client, budget = ClientTransport(CLIENT), sum(map(len, pieces)) + 4
    events: list[Event | str] = []
    if expected is not None:
        client.start_key_exchange(kex, "ssh-ed25519", suite=SUITE, expected=expected)
    for piece in [*pieces, None]:
        if piece is not None:
            client.receive_data(piece)
        elif close:
            client.receive_eof()
        while True:
            try:
                event = client.next_event()
            except RemoteProtocolError as error:
                assert client.state is State.CLOSED
                events.append(str(error))
                continue
            if not isinstance(event, Event):
                assert event is NEED_DATA
                break
            events.append(event)
            assert len(events) <= budget
            if isinstance(event, KexInitReceived) and expected is None:
                client.start_key_exchange(kex, "ssh-ed25519", suite=SUITE)
            elif isinstance(event, HostKeyReceived) and event.can_encrypt:
                client.request_authentication_methods(b"root")
        assert len(client._in) <= CONNECTION_BYTES
    sent, numbers = bytearray(take_outgoing(client).partition(b"\r\n")[2]), bytearray()
    while sent:
        length = int.from_bytes(sent[:4], "big")
        numbers.append(sent[5])
        del sent[: 4 + length]
    return events, bytes(numbers)


@given(st.sampled_from(VALID), st.lists(st.integers(0, 200), max_size=30))
def test_any_segmentation(script: tuple[bytes, str], sizes: list[int]) -> None:
    data, kex = script
    assert conversation(splits(data, sizes), kex) == conversation([data], kex)


@pytest.mark.parametrize("script", VALID)
def test_single_bytes(script: tuple[bytes, str]) -> None:
    data, kex = script
    assert conversation(single_bytes(data), kex) == conversation([data], kex)


@given(st.sampled_from(VALID), st.data())
def test_mutations(script: tuple[bytes, str], draw: st.DataObject) -> None:
    data, kex = bytearray(script[0]), script[1]
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data)))
        end = at + draw.draw(st.integers(0, 9))
        data[at:end] = draw.draw(st.binary(max_size=9))
    sizes = draw.draw(st.lists(st.integers(0, 100), max_size=12))
    assert conversation(splits(bytes(data), sizes), kex) == conversation([bytes(data)], kex)


@given(st.lists(st.binary(max_size=300), max_size=8), st.booleans(), st.sampled_from(["curve25519-sha256", GEX]))
def test_arbitrary_bytes(pieces: list[bytes], identified: bool, kex: str) -> None:
    start = [b"SSH-2.0-x\r\n"] if identified else []
    assert conversation(start + pieces, kex) == conversation([b"".join(start + pieces)], kex)


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.sampled_from(["curve25519-sha256", GEX]))
def test_arbitrary_messages(payloads: list[bytes], kex: str) -> None:
    data = b"SSH-2.0-x\r\n" + packet(relaxed(kex_algorithms=kex.encode())) + b"".join(map(packet, payloads))
    assert conversation(splits(data, [7] * 40), kex) == conversation([data], kex)


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.sampled_from(["curve25519-sha256", GEX]))
def test_arbitrary_messages_mean_the_same_to_an_early_start(payloads: list[bytes], kex: str) -> None:
    lists = relaxed(kex_algorithms=kex.encode())
    data = b"SSH-2.0-x\r\n" + packet(lists) + b"".join(map(packet, payloads))
    expected = KexInit.parse(lists)
    assert conversation(splits(data, [7] * 40), kex, expected=expected) == conversation([data], kex)


@given(st.sampled_from(VALID), st.data())
def test_mutations_early(script: tuple[bytes, str], draw: st.DataObject) -> None:
    """For any data in any pieces; the expected lists are from another connection."""
    data, kex = bytearray(script[0]), script[1]
    expected = KexInit.parse(kexinit(kex_algorithms=kex.encode()))
    for _ in range(draw.draw(st.integers(0, 4))):
        at = draw.draw(st.integers(0, len(data)))
        end = at + draw.draw(st.integers(0, 9))
        data[at:end] = draw.draw(st.binary(max_size=9))
    sizes = draw.draw(st.lists(st.integers(0, 100), max_size=12))
    whole = conversation([bytes(data)], kex, expected=expected)
    assert conversation(splits(bytes(data), sizes), kex, expected=expected) == whole
