"""schemathesis against the API of a real history. `make api-fuzz` runs more examples (SSHPROBE_API_EXAMPLES)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from sshprobe.serve.api.openapi import openapi
from tests.serve.api.test_api import api
from tests.serve.asking import history

EXAMPLES = int(os.environ.get("SSHPROBE_API_EXAMPLES", "8"))

OPERATIONS = [
    (path, method, mode)
    for path, methods in openapi()["paths"].items()
    for method, operation in methods.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.get("parameters") or "requestBody" in operation
]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    database = history(tmp_path_factory.mktemp("fuzz") / "history.db")
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", api(database), headers={"host": "localhost"})
    database.close()


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_every_answer_is_as_described(schema: Any, path: str, method: str, mode: GenerationMode) -> None:
    strategy = schema[path][method.upper()].as_strategy(generation_mode=mode)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(strategy)
    def call(case: Any) -> None:
        response = case.call(headers={"host": "localhost"})
        if response.status_code != 414:  # a refusal, which schemathesis does not know as one
            # A well-formed name of a profile or network may still be unknown: that is 400.
            case.validate_response(response, excluded_checks=[positive_data_acceptance])

    call()
