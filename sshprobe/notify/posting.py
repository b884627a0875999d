"""Posts JSON to a URL, signed if there is a secret. Redirects are not followed, and retries are limited."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Callable
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

SIGNATURE_HEADER = "X-Sshprobe-Signature-256"
"""Has "sha256=" and the HMAC-SHA256 of the body in hex, by the secret."""

ID_HEADER = "X-Sshprobe-Delivery"
"""Has the id of the notification, the same in each try."""

ANSWER_TIMEOUT = 10.0
"""Timeout in seconds of the connection and of the answer."""

TRIES = 4
FIRST_PAUSE = 1.0
"""Seconds before the second try; each further pause is twice as long."""

_MAY_PASS = (408, 429)
"""Client errors that may pass: a timeout (RFC 9110), too many requests (RFC 6585)."""

LONGEST_PAUSE = 10.0
"""Seconds: a server cannot make us wait longer with Retry-After (RFC 9110 section 10.2.3)."""


class NotDelivered(Exception):
    """A notification was not delivered. `str()` is the reason, without the URL."""

    def __init__(self, words: str, *, retry_after: float | None = None, is_final: bool = False) -> None:
        super().__init__(words)
        self.retry_after = retry_after
        """The wait in seconds that the server requests."""
        self.is_final = is_final
        """Whether another try is pointless."""


class _NoRedirects(HTTPRedirectHandler):
    """Leaves a redirect unanswered: only configured URLs are contacted."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        """Return no request, so that the redirect becomes an `HTTPError`."""


def post(url: str, body: bytes, *, id: str, secret: bytes) -> None:
    """Post a body once. Raises `NotDelivered`."""
    parts = urlsplit(url)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "sshprobe",
        ID_HEADER: id,
    }
    if secret:
        headers[SIGNATURE_HEADER] = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    place = parts.netloc.rpartition("@")[2]
    request = Request(urlunsplit((parts.scheme, place, parts.path, parts.query, "")), body, headers, method="POST")
    try:
        with build_opener(_NoRedirects()).open(request, timeout=ANSWER_TIMEOUT):
            pass  # the status is enough, and a body may never end
    except HTTPError as error:
        with error:
            raise _refusal(error) from None
    except URLError as error:
        raise NotDelivered(_reason(error.reason)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDelivered(_reason(error)) from None


def _refusal(error: HTTPError) -> NotDelivered:
    if 300 <= error.code < 400:
        return NotDelivered(f"HTTP {error.code}: redirects are not followed", is_final=True)
    after = error.headers.get("Retry-After", "")
    seconds = float(after) if after.isascii() and after.isdigit() else None
    is_final = error.code < 500 and error.code not in _MAY_PASS
    return NotDelivered(f"HTTP {error.code}", retry_after=seconds, is_final=is_final)


def _reason(error: object) -> str:
    """Return the reason of a failed connection, without text that could contain a URL."""
    if isinstance(error, TimeoutError):
        return f"no answer within {ANSWER_TIMEOUT:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the certificate of the server is not valid"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def deliver(send: Callable[[], None], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Call `send` until it returns, `TRIES` times at most, with growing pauses. Raises the last `NotDelivered`."""
    pause = FIRST_PAUSE
    for number in range(1, TRIES + 1):
        try:
            return send()
        except NotDelivered as error:
            if error.is_final or number == TRIES:
                raise
            sleep(min(max(pause, error.retry_after or 0.0), LONGEST_PAUSE))
            pause *= 2
    return None
