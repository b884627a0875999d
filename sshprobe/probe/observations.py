"""Making `Observation`s: of a target that was not probed, and of all that is known of a host."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from sshprobe.model import timestamps
from sshprobe.model.observation import Depth, Observation, Status, UserAuthentication
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.probe_progress import ProbeProgress, Wanted

_UNSEEN = UserAuthentication(methods=None, none_accepted=None)


def unprobed(target: str, host: str, port: int, depth: Depth, status: Status, error: str) -> Observation:
    """Return the observation of a target to which no connection was made, with status "dns_error" or "excluded"."""
    return Observation(
        target=target,
        host=host,
        address=None,
        port=port,
        status=status,
        error=error,
        stage="resolve",
        depth=depth,
        started_at=timestamps.encode(datetime.now(UTC)),
        duration_ms=0.0,
        connections=0,
    )


def with_facts(bare: Observation, facts: ObservationBuilder, progress: ProbeProgress, wanted: Wanted) -> Observation:
    """Return `bare` (target, status, times) with all facts. Later changes of `facts` do not reach it."""
    asked = facts.kexinit is not None
    first = wanted.users[0]
    answer = facts.methods.get(first, _UNSEEN)
    by_user: dict[str, UserAuthentication] | None = None
    if wanted.authentication and asked:
        by_user = {first: answer}
        for user in progress.further:
            by_user[user] = facts.methods.get(user, _UNSEEN)
    return msgspec.structs.replace(
        bare,
        **facts.lists(),
        lines_before_identification=list(facts.lines),
        identification=facts.identification,
        first_kex_packet_follows=facts.kexinit.first_kex_packet_follows if facts.kexinit else None,
        host_keys=facts.all_host_keys(progress.answered) if wanted.host_keys and asked else None,
        group_exchange=list(facts.group_exchange) if wanted.group_exchange and asked else None,
        extensions=facts.extensions,
        authentication_user=first if wanted.authentication else None,
        authentication_methods=answer.methods,
        authentication_none_accepted=answer.none_accepted,
        authentication_by_user=by_user,
        authentication_banner=facts.banner,
        hassh_server=facts.hassh_server(),
        strict_kex=facts.strict_kex,
        post_quantum_kex=facts.post_quantum_kex,
        several_servers=facts.several_servers,
        names_left_out=facts.names_left_out(),
        warnings=list(facts.warnings),
    )
