import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from sshprobe.grading import FleetFacts
from sshprobe.model.records import HostRecord, Record, SummaryRecord
from sshprobe.model.verdict import GRADES, SEVERITIES, Grade, Severity
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import CLEAN, HEADER, WANTING, captured, debian12, failed, judged

ROOT = Path(__file__).parents[1]
CAPTURES = sorted(
    path.stem for path in (ROOT / "tests/captures").glob("*.json") if "kex_algorithms" in path.read_text()
)


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads((ROOT / "docs/record.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def summary() -> SummaryRecord:
    builder, facts = SummaryBuilder(), FleetFacts()
    for address in ("192.0.2.1", "192.0.2.2"):
        host = judged(captured("openssh-debian12-9.2p1", address), WANTING)
        builder.add(host)
        facts.add(host)
    return builder.build(duration_ms=1.0, fleet=facts.report())


def test_the_schema_is_up_to_date() -> None:
    run = subprocess.run([sys.executable, ROOT / "scripts/schema", "--check"], capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.parametrize("name", CAPTURES)
def test_records_of_real_servers_fit_the_schema(name: str, validator: Any) -> None:
    record = judged(captured(name), CLEAN, WANTING)
    data = msgspec.json.encode(record)
    validator.validate(json.loads(data))
    assert msgspec.json.decode(data, type=Record) == record


def test_every_kind_of_record_fits_the_schema(validator: Any) -> None:
    hosts = [debian12(), failed("dns_error", "no such name")]
    records: list[Record] = [HEADER, *hosts, summary()]
    lines = [json.loads(msgspec.json.encode(record)) for record in records]
    for line in lines:
        validator.validate(line)
    validator.validate({"sweep": lines[0], "hosts": lines[1:-1], "summary": lines[-1]})


def test_other_json_does_not_fit_the_schema(validator: Any) -> None:
    line = json.loads(msgspec.json.encode(debian12()))
    for wrong in ({}, {**line, "status": "fine"}, {**line, "type": "sweep"}, {**line, "port": "22"}, [line]):
        assert not validator.is_valid(wrong)


def test_not_observed_differs_from_empty() -> None:
    record = failed("timeout", None)
    decoded = msgspec.json.decode(msgspec.json.encode(record), type=Record)
    assert isinstance(decoded, HostRecord)
    assert decoded.kex_algorithms is None
    assert decoded.warnings == []
    data = json.loads(msgspec.json.encode(msgspec.structs.replace(record, kex_algorithms=[])))
    assert data["kex_algorithms"] == []
    assert data["mac_algorithms_client_to_server"] is None


def test_scales_have_every_value() -> None:
    assert set(GRADES) == set(get_args(Grade))
    assert set(SEVERITIES) == set(get_args(Severity))
