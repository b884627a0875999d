"""The routes of the API: checks of requests, ETags, errors as documents."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sshprobe.model.errors import InputError
from sshprobe.serve.api.answers import Problem, Started, StartScan
from sshprobe.serve.api.endpoints import ENDPOINTS, Call, Endpoint
from sshprobe.serve.api.openapi import PREFIX, openapi
from sshprobe.serve.api.parameters import LONGEST, read_parameters
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.schedule.runner import Runner

_BODY_TIMEOUT = 10.0


def routes(fleet: Fleet, runner: Runner) -> list[Route]:
    """Return the routes of the API."""
    found = [
        Route(f"{PREFIX}{each.path}", partial(_answer, fleet, each), methods=["GET"])
        for each in ENDPOINTS
        if each.path != "/scans"
    ]
    scans = next(each for each in ENDPOINTS if each.path == "/scans")
    return [
        *found,
        Route(f"{PREFIX}/scans", partial(_scans, fleet, scans, runner), methods=["GET", "POST"]),
        Route(f"{PREFIX}/openapi.json", _openapi, methods=["GET"]),
    ]


async def _answer(fleet: Fleet, endpoint: Endpoint, request: Request) -> Response:
    query = read_parameters(request, endpoint.parameters)
    if any(len(part) > LONGEST for part in request.path_params.values()):
        raise HTTPException(404, "this history has no such name")
    try:
        call = Call(fleet, await fleet.index(), dict(request.path_params), query)
        document = await asyncio.to_thread(endpoint.make, call)
    except InputError as error:
        raise HTTPException(503, str(error), {"Retry-After": "10"}) from None
    body = msgspec.json.encode(document)
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    asked = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if etag in asked or "*" in asked:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


async def _scans(fleet: Fleet, endpoint: Endpoint, runner: Runner, request: Request) -> Response:
    if request.method != "POST":
        return await _answer(fleet, endpoint, request)
    read_parameters(request, ())
    try:
        wanted = msgspec.json.decode(await asyncio.wait_for(request.body(), _BODY_TIMEOUT), type=StartScan)
    except TimeoutError:
        raise HTTPException(408, "the body did not arrive") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise HTTPException(400, f"the body is not right: {error}") from None
    try:
        was_started = runner.start_now(wanted.saved)
    except KeyError:
        raise HTTPException(404, "there is no scheduled scan of this name") from None
    if not was_started:
        raise HTTPException(409, "it is running")
    return Response(msgspec.json.encode(Started(saved=wanted.saved)), 202, media_type="application/json")


async def _openapi(request: Request) -> Response:
    read_parameters(request, ())
    return Response(msgspec.json.encode(openapi()), media_type="application/json")


async def problem_page(request: Request, error: HTTPException) -> Response:
    """Return an error as a document (RFC 9457)."""
    problem = Problem(title=HTTPStatus(error.status_code).phrase, status=error.status_code, detail=error.detail)
    return Response(
        msgspec.json.encode(problem), error.status_code, error.headers, media_type="application/problem+json"
    )
