"""Pages of captured servers, graded for real, and hosts made from them."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import msgspec

from sshprobe.cli.options.filters import fleet_facts
from sshprobe.cli.report_writer import report_context
from sshprobe.grading import FleetIndex, fleet_findings_of
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.render.formats.html.page import write_page
from sshprobe.views.change_builder import ChangesBuilder
from sshprobe.views.changes import Changes
from sshprobe.views.fleet_tables import GradePoint, TablesView
from sshprobe.views.summary import SummaryBuilder
from sshprobe.views.table_builder import TablesBuilder
from tests.sample_records import CAPTURES, HEADER, captured, failed, judged

PROFILES = ("sshprobe-2026", "mozilla-modern")


@cache
def fleet() -> tuple[HostRecord, ...]:
    """Return every captured server with the verdicts of `PROFILES`, and two hosts that gave no answer."""
    profiles = [load_profile(name) for name in PROFILES]
    hosts = []
    for at, name in enumerate(sorted(path.stem for path in CAPTURES.glob("*.json"))):
        host = captured(name, f"192.0.2.{at + 1}")
        label = "env=prod" if at % 2 else "env=test"
        host = msgspec.structs.replace(host, labels=[label])
        hosts.append(judged(host, *(grade(host, profile) for profile in profiles)))
    return (*hosts, failed("timeout", "no connection within 5 s"), failed("refused", None, "192.0.2.201"))


def made_hosts(number: int) -> Iterator[HostRecord]:
    """Yield hosts made from the captured ones, with their own addresses, names, times, labels and keys."""
    generator = random.Random(17)
    models = fleet()
    for at in range(number):
        model = models[at % len(models)]
        place = f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}"
        fingerprint = (base64.b64encode(generator.randbytes(32)).decode().rstrip("=") for _ in range(9))
        keys = None
        if model.host_keys is not None:
            keys = [msgspec.structs.replace(key, fingerprint=f"SHA256:{next(fingerprint)}") for key in model.host_keys]
        minutes, seconds = divmod(generator.randrange(3600), 60)
        yield msgspec.structs.replace(
            model,
            target=f"server-{generator.randrange(10**6)}.example.org",
            host=place,
            address=place,
            labels=[f"site={generator.randrange(20)}"],
            started_at=f"2026-11-20T12:{minutes:02}:{seconds:02}.{generator.randrange(1000):03}Z",
            host_keys=keys,
        )


def tables(hosts: Iterable[HostRecord]) -> TablesView:
    hosts = list(hosts)
    counts, keys = SummaryBuilder(), fleet_facts(())
    for host in hosts:
        counts.add(host)
        keys.add(host)
    report = keys.report()
    index = FleetIndex(report)
    context = report_context(fleet=index)
    builder = TablesBuilder(context.describe, context.remedy)
    for host in hosts:
        builder.add(msgspec.structs.replace(host, fleet_findings=fleet_findings_of(host, index)))
    return builder.build(counts.build(duration_ms=1000.0, fleet=report), HEADER)


def page(hosts: Sequence[HostRecord], before: Sequence[HostRecord] = ()) -> bytes:
    """Return the page of some hosts. With the hosts of an earlier scan it has changes and a trend of two scans."""
    stream = io.BytesIO()
    changes = changed(before, hosts) if before else None
    points = [
        GradePoint(started_at=f"2026-11-{day}T12:00:00Z", profile=PROFILES[0], grades={"A": 2, "F": day})
        for day in (18, 19)
    ]
    context = report_context()._replace(changes=lambda: changes, trend=lambda: points if before else [])
    write_page(tables(hosts), stream, context)
    return stream.getvalue()


def changed(before: Sequence[HostRecord], hosts: Sequence[HostRecord]) -> Changes:
    builder = ChangesBuilder()
    for name, found in (("old", before), ("new", hosts)):
        builder.open(name)
        builder.read(HEADER)
        for host in found:
            builder.read(host)
    return builder.build(today="2026-11-20")
