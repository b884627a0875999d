"""The description of the API in OpenAPI 3.1, made from the table of endpoints and the types of the documents."""

from __future__ import annotations

from typing import Any

import msgspec

from sshprobe import __version__
from sshprobe.serve.api.answers import Problem, Started, StartScan
from sshprobe.serve.api.endpoints import ENDPOINTS, Endpoint
from sshprobe.serve.api.parameters import LONGEST

PREFIX = "/api/v1"

_PROBLEMS = {
    "400": "A parameter is wrong.",
    "401": "The login is missing or wrong.",
    "403": "The token does not have the scope.",
    "404": "There is no such host or scan.",
    "410": "The host of the cursor is gone.",
    "405": "The method is not allowed.",
    "414": "The address is too long.",
    "421": "The request is for another host name.",
    "429": "Too many wrong logins.",
    "431": "The headers are too large.",
    "503": "The history cannot be read.",
}


def openapi() -> dict[str, Any]:
    """Return the document."""
    types = [*dict.fromkeys(each.answer for each in ENDPOINTS), Problem, StartScan, Started]
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema = dict(zip(types, references, strict=True))
    problem = {"application/problem+json": {"schema": schema[Problem]}}
    text = {"text/plain": {"schema": {"type": "string"}}}
    failures = {code: {"description": words, "content": {**problem, **text}} for code, words in _PROBLEMS.items()}
    paths: dict[str, Any] = {each.path: {"get": _operation(each, schema[each.answer], failures)} for each in ENDPOINTS}
    paths["/scans"]["post"] = {
        "operationId": "start_scan",
        "summary": "Start a scheduled scan now. Needs the scope `scan`.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema[StartScan]}}},
        "responses": {
            "202": {"description": "It was started.", "content": {"application/json": {"schema": schema[Started]}}},
            **failures,
            **{
                code: {"description": words, "content": {**problem, **text}}
                for code, words in {
                    "403": "The request comes from another web page, or lacks the scope.",
                    "409": "It is running.",
                    "411": "The length is missing.",
                    "413": "The body is too large.",
                    "415": "The body is not JSON.",
                }.items()
            },
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "sshprobe", "version": __version__, "summary": "The last state of SSH servers, and scans."},
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(endpoint: Endpoint, schema: dict[str, Any], failures: dict[str, Any]) -> dict[str, Any]:
    parts = [part.strip("{}") for part in endpoint.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {
            "name": part,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[^/?#]+$"},
        }
        for part in parts
    ]
    parameters += [
        {
            "name": each.name,
            "in": "query",
            "description": each.words,
            "required": each.is_required,
            "schema": each.schema(),
        }
        for each in endpoint.parameters
    ]
    name = endpoint.path.strip("/").replace("{", "").replace("}", "").replace("/", "_")
    return {
        "operationId": f"get_{name}",
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "The document.", "content": {"application/json": {"schema": schema}}},
            "304": {"description": "It is as before (If-None-Match)."},
            **failures,
        },
    }
