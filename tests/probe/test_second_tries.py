"""The second try differs from the first in every shortcut."""

from __future__ import annotations

from sshprobe.probe.plan import next_exchange
from sshprobe.probe.probe_progress import CARRYING, LARGE, WIDE, ExchangePlan, ProbeProgress, Wanted
from sshprobe.wire.suites import Suite, choose_suite
from tests.probe.test_plan import kexinit

FULL = Wanted(host_keys=True, group_exchange=True, authentication=True)
GEX = "diffie-hellman-group-exchange-sha256"


def is_large(exchange: ExchangePlan) -> bool:
    return exchange.request == LARGE


def ask(progress: ProbeProgress, **lists: list[str]) -> ExchangePlan:
    exchange = next_exchange(kexinit(**lists), progress, FULL)
    assert exchange is not None
    return exchange


def test_the_second_try_has_another_group_or_curve_and_another_name() -> None:
    lists = {
        "kex_algorithms": ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"],
        "server_host_key_algorithms": ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"],
    }
    progress = ProbeProgress()
    first = ask(progress, **lists)
    progress.failed(first, "closed")
    second = ask(progress, **lists)
    assert (first.kex, first.host_key_algorithm) == ("curve25519-sha256", "rsa-sha2-512")
    assert (second.kex, second.host_key_algorithm) == ("ecdh-sha2-nistp256", "rsa-sha2-256")


def test_unverifiable_methods_are_the_last_resort() -> None:
    lists = {
        "kex_algorithms": ["sntrup761x25519-sha512", "curve25519-sha256"],
        "server_host_key_algorithms": ["rsa-sha2-256", "rsa-sha2-512"],
    }
    progress = ProbeProgress()
    progress.failed(ask(progress, **lists), "closed")
    assert ask(progress, **lists).kex == "curve25519-sha256"


def test_a_refused_group_is_requested_again_with_2048_bits() -> None:
    lists = {"kex_algorithms": [GEX], "server_host_key_algorithms": ["ssh-ed25519"]}
    progress = ProbeProgress()
    first = ask(progress, **lists)
    progress.failed(first, "closed")
    second = ask(progress, **lists)
    assert (first.group_exchange, is_large(first), second.group_exchange, is_large(second)) == (
        True,
        False,
        True,
        True,
    )
    assert (LARGE.min, LARGE.n) == (2048, 2048)
    progress.failed(second, "closed")
    sizes = []
    for _ in range(2):  # only the key, and nothing for the group
        third = ask(progress, **lists)
        assert not third.group_exchange
        sizes.append(third.request)
        progress.failed(third, "closed")
    assert sizes == list(CARRYING[2:])
    assert next_exchange(kexinit(**lists), progress, FULL) is None


def test_a_key_behind_a_group_exchange_is_tried_with_2048_bits() -> None:
    lists = {"kex_algorithms": [GEX], "server_host_key_algorithms": ["ssh-ed25519"]}
    keys = Wanted(host_keys=True, group_exchange=False, authentication=False)
    progress = ProbeProgress()
    sizes = []
    while (exchange := next_exchange(kexinit(**lists), progress, keys)) is not None:
        sizes.append(exchange.request)
        progress.failed(exchange, "closed")
    assert sizes == list(CARRYING)


def test_the_size_that_was_granted_carries_the_next_key_too() -> None:
    lists = {"kex_algorithms": [GEX], "server_host_key_algorithms": ["rsa-sha2-256", "ssh-ed25519"]}
    progress, sizes = ProbeProgress(maybe_openssh=False), []
    while (exchange := next_exchange(kexinit(**lists), progress, FULL)) is not None:
        sizes.append((exchange.family, exchange.request))
        if exchange.request not in CARRYING[2:]:
            progress.add_group(exchange, None)
            progress.failed(exchange, "closed")
            continue
        progress.add_group(exchange, 4096)
        progress.shown(exchange, True)
    families = [family for family, _ in sizes]
    assert [size for _, size in sizes] == [*CARRYING[:3], CARRYING[2]]
    assert set(families[2:]) == {"ssh-rsa", "ssh-ed25519"}


def test_the_larger_group_comes_with_another_key() -> None:
    lists = {
        "kex_algorithms": ["curve25519-sha256", GEX],
        "server_host_key_algorithms": ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256"],
    }
    progress = ProbeProgress()
    progress.shown(ask(progress, **lists), True)
    progress.authentication = "answered"
    first = ask(progress, **lists)
    progress.failed(first, "closed")
    second = ask(progress, **lists)
    assert (first.request, second.request) == (WIDE, LARGE)
    assert first.family != second.family


def test_a_missing_certificate_does_not_refuse_the_group() -> None:
    lists = {"kex_algorithms": [GEX], "server_host_key_algorithms": ["x509v3-ssh-rsa", "ssh-rsa"]}
    progress, asked = ProbeProgress(), []
    while (exchange := next_exchange(kexinit(**lists), progress, FULL)) is not None:
        asked.append((exchange.family, exchange.group_exchange))
        if exchange.family == "x509v3-ssh-rsa":
            progress.failed(exchange, "closed")
            continue
        progress.groups[exchange.kex] = "answered"
        progress.answered.add(exchange.family)
        progress.authentication = "answered"
    assert asked == [("ssh-rsa", True), ("x509v3-ssh-rsa", False), ("x509v3-ssh-rsa", False)]
    assert progress.groups == {GEX: "answered"}


def suites(ciphers: list[str], macs: list[str]) -> tuple[Suite | None, Suite | None]:
    """The first choice, and the next after a failure."""
    lists = {f"encryption_algorithms_{way}": ciphers for way in WAYS} | {f"mac_algorithms_{way}": macs for way in WAYS}
    server = kexinit(**lists, **{f"compression_algorithms_{way}": ["none"] for way in WAYS})
    first = choose_suite(server)
    return first, choose_suite(server, other_than=first)


WAYS = ("client_to_server", "server_to_client")


def test_the_second_try_for_the_methods_has_another_cipher_and_mac() -> None:
    first, second = suites(["aes128-ctr", "chacha20-poly1305@openssh.com"], ["hmac-sha2-512", "hmac-sha2-256"])
    assert first is not None
    assert first.encryption_client_to_server == "chacha20-poly1305@openssh.com"
    assert second == Suite("aes128-ctr", "aes128-ctr", "hmac-sha2-512", "hmac-sha2-512")
    first, second = suites(["aes128-ctr"], ["hmac-sha1", "hmac-md5"])
    assert second == Suite("aes128-ctr", "aes128-ctr", "hmac-md5", "hmac-md5")
    first, second = suites(["aes128-ctr"], ["hmac-sha1"])
    assert second == first == Suite("aes128-ctr", "aes128-ctr", "hmac-sha1", "hmac-sha1")
