"""How fast a scan goes and how long it waits, as options say it, and what `--resume` takes of it from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from sshprobe.model.records import PaceSettings

FAST_CONCURRENCY = 2000
FAST_CONNECT_TIMEOUT = 2.0
DEFAULT_RATE = 200.0
"""Hosts started a second unless told otherwise: what the translation tables of a home router survive."""

_SET_BY_FAST = frozenset({"concurrency", "rate", "connect_timeout"})


def pace_of(
    *,
    fast: bool,
    concurrency: int | None,
    rate: float | None,
    connect_timeout: float | None,
    timeout: float,
    host_timeout: float,
    throttle_wait: float,
) -> PaceSettings:
    """Return the pace that options ask for.

    None stands for the default, which `--fast` changes. A rate of 0 is no limit.
    """
    from sshprobe.model.records import PaceSettings

    return PaceSettings(
        concurrency=concurrency or (FAST_CONCURRENCY if fast else 100),
        rate=(None if fast else DEFAULT_RATE) if rate is None else rate or None,
        connect_timeout=connect_timeout or (FAST_CONNECT_TIMEOUT if fast else 5.0),
        timeout=timeout,
        host_timeout=host_timeout,
        throttle_wait=throttle_wait,
    )


def resumed_pace(now: PaceSettings, before: PaceSettings | None, context: click.Context) -> PaceSettings:
    """Return the pace of a scan that began with `before`: what `context` was given comes first.

    A network for which somebody chose a gentle pace has to meet it again, also where `--resume` stands alone.
    """
    import msgspec

    if before is None:
        return now

    def given(parameter: str) -> bool:
        return context.get_parameter_source(parameter) not in (None, ParameterSource.DEFAULT)

    kept = {
        field: getattr(before, field)
        for field in now.__struct_fields__
        if not given(field) and not (field in _SET_BY_FAST and given("fast"))
    }
    return msgspec.structs.replace(now, **kept)
