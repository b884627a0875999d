"""Requests for 1024-bit groups and for further users: their connections, and the cost of a refusal."""

from __future__ import annotations

from sshprobe.probe.plan import next_exchange, unanswered
from sshprobe.probe.probe_progress import LARGE, NARROW, WIDE, ExchangePlan, ProbeProgress, Wanted
from sshprobe.wire.messages import KexInit
from tests.probe.test_plan import kexinit

FULL = Wanted(host_keys=True, group_exchange=True, authentication=True, users=("root", "nobody"))
SHA256, SHA1 = "diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1"
KEYS = ["ssh-ed25519", "rsa-sha2-512", "ecdsa-sha2-nistp256", "ssh-dss"]


def lists(keys: int, *kex: str) -> KexInit:
    both = {
        f"{field}_{direction}": names
        for field, names in (
            ("encryption_algorithms", ["aes128-ctr"]),
            ("mac_algorithms", ["hmac-sha2-256"]),
            ("compression_algorithms", ["none"]),
        )
        for direction in ("client_to_server", "server_to_client")
    }
    return kexinit(kex_algorithms=list(kex), server_host_key_algorithms=KEYS[:keys], **both)


def asked(
    server: KexInit, *, openssh: bool, refuses: tuple[object, ...] = (), bits: int = 2048, wanted: Wanted = FULL
) -> tuple[list[ExchangePlan], ProbeProgress]:
    """Run the plan against a server that hangs up on the requests that it `refuses`."""
    progress, exchanges = ProbeProgress(maybe_openssh=openssh), []
    while (exchange := next_exchange(server, progress, wanted)) is not None:
        exchanges.append(exchange)
        assert len(exchanges) <= 10
        refused = exchange.request in refuses
        if exchange.request is not None:
            progress.add_group(exchange, None if refused else bits)
        if refused:
            progress.failed(exchange, "closed")
            continue
        progress.answered.add(exchange.family)
        if exchange.user is not None:
            progress.authentication_answered(exchange.user, wanted)
    return exchanges, progress


def summary(exchanges: list[ExchangePlan]) -> list[tuple[str, object, str | None]]:
    return [(exchange.family, exchange.request, exchange.user) for exchange in exchanges]


def test_a_default_openssh_has_three_connections_and_two_users() -> None:
    exchanges, _ = asked(lists(3, "curve25519-sha256", SHA256), openssh=True)
    assert summary(exchanges) == [
        ("ssh-ed25519", None, "root"),
        ("ssh-rsa", WIDE, None),
        ("ecdsa-sha2-nistp256", None, "nobody"),
    ]


def test_the_second_user_comes_before_a_second_method_for_groups() -> None:
    exchanges, _ = asked(lists(4, "curve25519-sha256", SHA256, SHA1), openssh=True)
    assert [exchange.user for exchange in exchanges] == ["root", None, "nobody", None]
    assert [exchange.kex for exchange in exchanges if exchange.request] == [SHA256, SHA1]


def test_other_software_gets_the_small_request_with_another_key() -> None:
    exchanges, _ = asked(lists(4, "curve25519-sha256", SHA256), openssh=False)
    assert summary(exchanges) == [
        ("ssh-ed25519", None, "root"),
        ("ssh-rsa", WIDE, None),
        ("ecdsa-sha2-nistp256", NARROW, None),
        ("ssh-dss", None, "nobody"),
    ]


def test_the_small_request_may_need_one_more_connection() -> None:
    one, _ = asked(lists(1, "curve25519-sha256", SHA256), openssh=False)
    assert summary(one) == [("ssh-ed25519", WIDE, "root"), ("ssh-ed25519", NARROW, None)]


def test_two_methods_of_other_software_get_a_small_request_each() -> None:
    two, _ = asked(lists(2, "curve25519-sha256", SHA256, SHA1), openssh=False)
    assert [(exchange.kex, exchange.request) for exchange in two[1:]] == [
        (SHA256, WIDE),
        (SHA256, NARROW),
        (SHA1, NARROW),
    ]
    openssh, _ = asked(lists(3, "curve25519-sha256", SHA256, SHA1), openssh=True)
    assert [exchange.request for exchange in openssh] == [None, WIDE, None]
    three, _ = asked(
        lists(2, "curve25519-sha256", SHA256, SHA1, "diffie-hellman-group-exchange-sha224@ssh.com"), openssh=False
    )
    assert [exchange.request for exchange in three] == [None, WIDE, NARROW]


def test_a_refusal_costs_no_host_key_and_no_record() -> None:
    exchanges, progress = asked(lists(3, "curve25519-sha256", SHA256), openssh=False, refuses=(NARROW,))
    assert summary(exchanges) == [
        ("ssh-ed25519", None, "root"),
        ("ssh-rsa", WIDE, None),
        ("ecdsa-sha2-nistp256", NARROW, None),
        ("ecdsa-sha2-nistp256", None, "nobody"),  # which is needed anyway, now
    ]
    assert progress.attempts == {}
    assert unanswered(lists(3), progress, FULL) is None


def test_after_a_refusal_no_small_group_is_requested() -> None:
    server = lists(1, "curve25519-sha256", SHA256)
    assert summary(asked(server, openssh=False, bits=1024)[0]) == [("ssh-ed25519", WIDE, "root")]
    refused, _ = asked(lists(2, "curve25519-sha256", SHA256), openssh=False, refuses=(WIDE, NARROW))
    assert [exchange.request for exchange in refused] == [None, WIDE, LARGE]


def test_a_server_with_group_exchanges_only_names_both_users() -> None:
    exchanges, progress = asked(lists(3, SHA256), openssh=True)
    assert summary(exchanges) == [
        ("ssh-ed25519", WIDE, "root"),
        ("ssh-rsa", WIDE, "nobody"),
        ("ecdsa-sha2-nistp256", WIDE, None),
    ]
    assert progress.groups == {SHA256: "answered"}


def test_a_user_without_an_answer_gets_another_try() -> None:
    server, progress = lists(4, "curve25519-sha256"), ProbeProgress()
    users = []
    while (exchange := next_exchange(server, progress, FULL)) is not None:
        progress.answered.add(exchange.family)
        users.append(exchange.user)
        if exchange.user == "nobody":
            progress.authentication_failed("nobody")
        elif exchange.user is not None:
            progress.authentication_answered(exchange.user, FULL)
    assert users == ["root", "nobody", "nobody", None]
    assert (progress.further, unanswered(server, progress, FULL)) == ({"nobody": "failed"}, None)


def test_encrypted_exchanges_prefer_post_quantum() -> None:
    server = lists(3, "curve25519-sha256", "mlkem768x25519-sha256", SHA256)
    exchanges, _ = asked(server, openssh=True)
    assert [exchange.kex for exchange in exchanges] == ["mlkem768x25519-sha256", SHA256, "mlkem768x25519-sha256"]
    keys = Wanted(host_keys=True, group_exchange=False, authentication=False)
    assert {exchange.kex for exchange in asked(server, openssh=True, wanted=keys)[0]} == {"curve25519-sha256"}
