"""Facts of one host stay separate, although equal hosts share computations."""

from __future__ import annotations

from sshprobe.probe.merged_name_list import UNKNOWN_KEPT
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.wire.messages import NAME_LISTS, KexInit

EXTENSIONS = ((b"server-sig-algs", b"ssh-ed25519"), (b"odd\x1b", b"\xff"))
ESCAPED = {"server-sig-algs": "ssh-ed25519", "odd\\x1b": "\\xff"}


def kexinit(**lists: tuple[bytes, ...]) -> KexInit:
    return KexInit(cookie=bytes(16), **{**dict.fromkeys(NAME_LISTS, ()), **lists})  # type: ignore[arg-type] # the fields are name-lists


def test_lists_of_one_host_can_be_changed_without_harm_to_the_next() -> None:
    server = kexinit(kex_algorithms=(b"curve25519-sha256", b"odd\x1b"))
    for _ in range(2):
        facts = ObservationBuilder()
        facts.add_kexinit(server)
        found = facts.lists()
        assert list(found) == list(NAME_LISTS)
        kex = found["kex_algorithms"]
        assert kex == ["curve25519-sha256", "odd\\x1b"]
        assert found["languages_client_to_server"] == []
        kex.append("changed")


def test_names_of_later_lists_come_last() -> None:
    facts = ObservationBuilder()
    for names in ((b"a", b"b"), (b"c", b"a", b"c"), (b"d", b"c")):
        facts.add_kexinit(kexinit(mac_algorithms_client_to_server=names))
    assert facts.lists()["mac_algorithms_client_to_server"] == ["a", "b", "c", "d"]
    assert facts.lists()["mac_algorithms_server_to_client"] == []
    assert facts.several_servers
    first = ObservationBuilder()
    first.add_kexinit(kexinit(mac_algorithms_client_to_server=(b"a", b"b")))
    assert first.lists()["mac_algorithms_client_to_server"] == ["a", "b"]


class Name(bytes):
    """Counts comparisons."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return super().__eq__(other)

    __hash__ = bytes.__hash__


def test_changing_names_are_compared_with_few_others() -> None:
    """2,000 names in each of twelve connections once took seconds and blocked other hosts."""
    facts, names, turns = ObservationBuilder(), 500, 6
    for turn in range(turns):
        made_up = tuple(Name(b"%d.%d" % (turn, at)) for at in range(names))
        facts.add_kexinit(kexinit(mac_algorithms_client_to_server=made_up))
    assert len(facts.lists()["mac_algorithms_client_to_server"] or ()) == names + UNKNOWN_KEPT
    assert Name.compared < 10 * turns * names


def test_hosts_do_not_share_extensions() -> None:
    one, another = ObservationBuilder(), ObservationBuilder()
    one.add_extensions(EXTENSIONS)
    one.add_extensions(((b"server-sig-algs", b"ssh-rsa"), (b"ping@openssh.com", b"0")))
    another.add_extensions(EXTENSIONS)
    assert one.extensions == {**ESCAPED, "server-sig-algs": "ssh-rsa", "ping@openssh.com": "0"}
    assert another.extensions == ESCAPED
