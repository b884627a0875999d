"""The plan covers everything, in the fewest connections, and always ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sshprobe.probe.plan import next_exchange, offer, unanswered
from sshprobe.probe.probe_progress import CARRYING, LARGE, ExchangePlan, ProbeProgress, Wanted
from sshprobe.wire.kex.methods import METHODS
from sshprobe.wire.messages import NAME_LISTS, KexInit
from sshprobe.wire.suites import CIPHERS, MACS

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.json"))
FULL = Wanted(host_keys=True, group_exchange=True, authentication=True)


def kexinit(**lists: list[str]) -> KexInit:
    fields = {name: tuple(value.encode() for value in lists.get(name, ())) for name in NAME_LISTS}
    return KexInit(cookie=bytes(16), **fields)  # type: ignore[arg-type] # the fields are name-lists


def captured(path: Path) -> KexInit:
    truth = json.loads(path.read_text())
    return kexinit(**{name: truth[name] for name in NAME_LISTS})


def answer_all(server: KexInit, wanted: Wanted, *, refuses_groups: bool = False) -> list[ExchangePlan]:
    """Run the plan against a server that answers everything, or hangs up on group-exchange requests."""
    progress, exchanges = ProbeProgress(), []
    while (exchange := next_exchange(server, progress, wanted)) is not None:
        exchanges.append(exchange)
        assert len(exchanges) <= 20
        if exchange.group_exchange and refuses_groups:
            progress.failed(exchange, "the connection was closed")
            continue
        if exchange.group_exchange:
            progress.groups[exchange.kex] = "answered"
        progress.answered.add(exchange.family)
        if exchange.suite is not None:
            progress.authentication = "answered"
    return exchanges


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_real_servers_take_one_connection_a_host_key(path: Path) -> None:
    server = captured(path)
    exchanges = answer_all(server, FULL)
    assert len(exchanges) == len(offer(server).families)
    assert [exchange.family for exchange in exchanges] == list(offer(server).families)
    assert sum(exchange.suite is not None for exchange in exchanges) == 1
    if b"diffie-hellman-group-exchange-sha256" in server.kex_algorithms:
        assert any(exchange.group_exchange for exchange in exchanges)


def test_default_openssh_9_2() -> None:
    server = captured(next(path for path in CAPTURES if "debian12" in path.stem))
    first, second, third = answer_all(server, FULL)
    assert (first.kex, first.host_key_algorithm, first.group_exchange) == ("curve25519-sha256", "rsa-sha2-512", False)
    assert first.suite is not None
    assert (second.kex, second.group_exchange) == ("diffie-hellman-group-exchange-sha256", True)
    assert not third.group_exchange


def test_rsa_is_one_key_and_requested_with_sha_2_first() -> None:
    server = kexinit(
        kex_algorithms=["curve25519-sha256"], server_host_key_algorithms=["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]
    )
    (exchange,) = answer_all(server, Wanted(host_keys=True, group_exchange=False, authentication=False))
    assert exchange.host_key_algorithm == "rsa-sha2-512"


def test_a_server_that_hangs_up_on_groups_costs_two_connections_more() -> None:
    server = captured(next(path for path in CAPTURES if "paramiko" in path.stem))
    exchanges = answer_all(server, FULL, refuses_groups=True)
    assert len(exchanges) == len(offer(server).families) + 2
    assert not exchanges[0].group_exchange
    assert [exchange.request == LARGE for exchange in exchanges if exchange.group_exchange] == [False, True]


def test_a_failed_key_gets_one_other_try() -> None:
    server = kexinit(
        kex_algorithms=["curve25519-sha256", "ecdh-sha2-nistp256"], server_host_key_algorithms=["ssh-ed25519"]
    )
    progress, tried = ProbeProgress(), []
    while (exchange := next_exchange(server, progress, FULL)) is not None:
        tried.append(exchange.kex)
        progress.failed(exchange, "reset")
    assert tried == ["curve25519-sha256", "ecdh-sha2-nistp256"]
    assert progress.failures == {"ssh-ed25519": "reset"}


def test_methods_need_an_encrypted_exchange() -> None:
    """It was once repeated until no connection was left: it worked each time, and asked nothing."""
    server = kexinit(
        kex_algorithms=["curve25519-sha256", "sntrup761x25519-sha512@openssh.com"],
        server_host_key_algorithms=["ssh-ed25519"],
        encryption_algorithms_client_to_server=["aes128-gcm@openssh.com"],
        encryption_algorithms_server_to_client=["aes128-gcm@openssh.com"],
        compression_algorithms_client_to_server=["none"],
        compression_algorithms_server_to_client=["none"],
    )
    progress, tried = ProbeProgress(), []
    while (exchange := next_exchange(server, progress, FULL)) is not None:
        tried.append((exchange.kex, exchange.user))
        if exchange.kex == "curve25519-sha256":
            progress.failed(exchange, "reset")
        else:
            progress.answered.add(exchange.family)
        assert len(tried) <= 4
    assert tried == [
        ("curve25519-sha256", "root"),
        ("sntrup761x25519-sha512@openssh.com", None),
        ("curve25519-sha256", "root"),
        ("curve25519-sha256", "root"),
    ]


def test_depth_lists_plans_no_exchange() -> None:
    nothing = Wanted(host_keys=False, group_exchange=False, authentication=False)
    assert next_exchange(captured(CAPTURES[0]), ProbeProgress(), nothing) is None


def test_gss_null_is_not_a_host_key() -> None:
    offered = offer(kexinit(server_host_key_algorithms=["null", "ssh-ed25519"]))
    assert offered.families == {"ssh-ed25519": ["ssh-ed25519"]}


def test_unprintable_names_are_not_requested() -> None:
    server = KexInit(bytes(16), (), (b"\xff\xfe", b"a\x00b", b"", b"ssh-ed25519"), (), (), (), (), (), ())
    assert list(offer(server).families) == ["ssh-ed25519"]


def test_a_record_names_a_few_of_the_host_keys_that_were_not_shown() -> None:
    server = kexinit(server_host_key_algorithms=[f"made-up-{number}" for number in range(2048)])
    words = unanswered(server, ProbeProgress(), Wanted(host_keys=True, group_exchange=False, authentication=False))
    assert words is not None
    assert words.startswith("no made-up-0 host key; no made-up-1 host key; ")
    assert words.endswith("no made-up-7 host key; nor 2,040 more host keys")


KEY_NAMES = [
    "ssh-ed25519",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ssh-dss",
    "ssh-ed25519-cert-v01@openssh.com",
    "x509v3-ssh-rsa",
    "unheard-of@example.org",
]


@example(  # each further size was requested once, besides two exchanges for each key
    kex=["curve25519-sha256", "diffie-hellman-group-exchange-sha256"],
    keys=["ssh-ed25519", "rsa-sha2-512"],
    ciphers=["aes128-gcm@openssh.com"],
    macs=[],
    wanted=FULL,
    outcomes=[],
)
@given(
    kex=st.lists(st.sampled_from([*METHODS, "rsa1024-sha1", "nonsense"]), unique=True, max_size=6),
    keys=st.lists(st.sampled_from(KEY_NAMES), unique=True, max_size=6),
    ciphers=st.lists(st.sampled_from([*CIPHERS, "arcfour"]), max_size=3),
    macs=st.lists(st.sampled_from([*MACS, "umac-64@openssh.com"]), max_size=3),
    wanted=st.builds(Wanted, host_keys=st.booleans(), group_exchange=st.booleans(), authentication=st.booleans()),
    outcomes=st.lists(st.sampled_from(["ok", "no group", "failed", "no methods"]), max_size=60),
)
def test_the_plan_always_ends(
    kex: list[str], keys: list[str], ciphers: list[str], macs: list[str], wanted: Wanted, outcomes: list[str]
) -> None:
    server = kexinit(
        kex_algorithms=kex,
        server_host_key_algorithms=keys,
        encryption_algorithms_client_to_server=ciphers,
        encryption_algorithms_server_to_client=ciphers,
        mac_algorithms_client_to_server=macs,
        mac_algorithms_server_to_client=macs,
        compression_algorithms_client_to_server=["none"],
        compression_algorithms_server_to_client=["none"],
    )
    progress, made = ProbeProgress(), 0
    while (exchange := next_exchange(server, progress, wanted)) is not None:
        made += 1
        # Two attempts a key, two refused groups, two for the methods, and the further sizes of a group once each.
        sizes = len(CARRYING) - 1 if offer(server).groups else 0
        assert made <= 2 * len(offer(server).families) + 2 + 2 + sizes
        outcome = outcomes.pop() if outcomes else "failed"
        if outcome == "failed" or (exchange.group_exchange and outcome == "no group"):
            progress.failed(exchange, outcome)
            continue
        if exchange.group_exchange:
            progress.groups[exchange.kex] = "answered"
        progress.answered.add(exchange.family)
        if exchange.suite is not None:
            if outcome == "no methods":
                progress.authentication_failed()
            else:
                progress.authentication = "answered"
