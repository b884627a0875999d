"""The plan cache returns the same as the plan, in any state."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.probe import plan, plan_cache
from sshprobe.probe.probe_progress import ProbeProgress, Wanted
from sshprobe.wire.kex.methods import METHODS
from sshprobe.wire.messages import KexInit
from sshprobe.wire.suites import CIPHERS, MACS
from tests.probe.test_plan import FULL, KEY_NAMES, kexinit

USERS = ("root", "nobody")

LISTS = st.builds(
    lambda kex, keys, ciphers, macs: kexinit(
        kex_algorithms=kex,
        server_host_key_algorithms=keys,
        encryption_algorithms_client_to_server=ciphers,
        encryption_algorithms_server_to_client=ciphers,
        mac_algorithms_client_to_server=macs,
        mac_algorithms_server_to_client=macs,
        compression_algorithms_client_to_server=["none"],
        compression_algorithms_server_to_client=["none"],
    ),
    st.lists(st.sampled_from([*METHODS, "nonsense"]), unique=True, max_size=6),
    st.lists(st.sampled_from(KEY_NAMES), unique=True, max_size=5),
    st.lists(st.sampled_from([*CIPHERS, "arcfour"]), max_size=3),
    st.lists(st.sampled_from([*MACS, "umac-64@openssh.com"]), max_size=3),
)

WANTED = st.builds(
    Wanted,
    host_keys=st.booleans(),
    group_exchange=st.booleans(),
    authentication=st.booleans(),
    users=st.sampled_from([USERS[:1], USERS]),
)

OUTCOMES = st.tuples(
    st.sampled_from(["ok"] * 6 + ["closed", "no group", "no methods", "wrong signature"]),
    st.sampled_from([None, 1024, 2048, 3072]),
    st.booleans(),
)


@settings(deadline=None)
@given(server=LISTS, wanted=WANTED, maybe_openssh=st.booleans(), outcomes=st.lists(OUTCOMES, max_size=14))
def test_a_remembered_plan_is_the_plan(
    server: KexInit, wanted: Wanted, maybe_openssh: bool, outcomes: list[tuple[str, int | None, bool]]
) -> None:
    progress = ProbeProgress(maybe_openssh=maybe_openssh)
    for outcome, bits, faulty in outcomes:
        exchange = plan.next_exchange(server, progress, wanted)
        assert plan_cache.next_exchange(server, progress, wanted) == exchange
        if exchange is None:
            return
        if outcome == "closed":
            progress.failed(exchange, outcome)
            continue
        if exchange.request is not None:
            progress.add_group(exchange, None if outcome == "no group" else bits, faulty=faulty and bits is None)
        if outcome == "no group":
            progress.failed(exchange, outcome)
            continue
        verified = outcome != "wrong signature"
        if progress.shown(exchange, verified) and exchange.user is not None:
            if outcome == "no methods":
                progress.authentication_failed(exchange.user)
            else:
                progress.authentication_answered(exchange.user, wanted)


def test_the_plan_cache_is_bounded() -> None:
    server = kexinit(kex_algorithms=["curve25519-sha256"], server_host_key_algorithms=["ssh-ed25519"])
    for number in range(3 * plan_cache.PLANS_KEPT):
        plan_cache.next_exchange(server, ProbeProgress(answered={f"key {number}"}), FULL)
    assert len(plan_cache._plans(plan_cache._lists(server), FULL)) <= plan_cache.PLANS_KEPT
