"""Posts to a real server: signed, retried within limits, never redirected, and no error contains the URL."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sshprobe.notify import posting
from sshprobe.notify.posting import NotDelivered, deliver, post
from tests.notify.hooks import Hooks, hooks


def send(server: Hooks, secret: bytes = b"", url: str = "") -> list[float]:
    """Deliver a body, and return the pauses between the tries."""
    pauses: list[float] = []
    deliver(lambda: post(url or server.url, b'{"a":1}', id="abcd", secret=secret), sleep=pauses.append)
    return pauses


def test_a_body_is_signed() -> None:
    with hooks() as server:
        assert send(server, b"key") == []
    (taken,) = server.taken
    assert (taken.path, taken.body) == ("/ssh?token=hidden", b'{"a":1}')
    assert taken.headers["content-type"] == "application/json"
    assert taken.headers["x-sshprobe-delivery"] == "abcd"
    signature = hmac.new(b"key", taken.body, hashlib.sha256).hexdigest()
    assert taken.headers["x-sshprobe-signature-256"] == f"sha256={signature}"
    assert "authorization" not in taken.headers


def test_an_answer_whose_body_never_ends_is_delivered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_TIMEOUT", 1.0)
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                requests.append(client.recv(65_536))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    while client.recv(65_536):  # until the client leaves
                        pass

        thread = threading.Thread(target=answer)
        thread.start()
        post(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"{}", id="abcd", secret=b"")
        thread.join()
    assert len(requests) == 1


def test_without_a_secret_nothing_is_signed() -> None:
    with hooks() as server:
        send(server)
    assert "x-sshprobe-signature-256" not in server.taken[0].headers


def test_a_user_in_the_url() -> None:
    with hooks() as server:
        send(server, url=server.url.replace("127", "me:p%40ss@127"))
    assert server.taken[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:p@ss').decode()}"


@pytest.mark.parametrize("first", [500, 503, 429, 408])
def test_a_failure_that_passes(first: int) -> None:
    with hooks(first, 200) as server:
        assert send(server) == [1.0]
    assert [taken.headers["x-sshprobe-delivery"] for taken in server.taken] == ["abcd", "abcd"]


@pytest.mark.parametrize(
    ("statuses", "headers", "pauses", "words"),
    [
        ((500,), {}, [1.0, 2.0, 4.0], "HTTP 500"),
        ((503,), {"Retry_After": "9999"}, [10.0, 10.0, 10.0], "HTTP 503"),
        ((503,), {"Retry_After": "tomorrow"}, [1.0, 2.0, 4.0], "HTTP 503"),
        ((404,), {}, [], "HTTP 404"),
        ((302,), {"Location": "/other"}, [], "HTTP 302: redirects are not followed"),
        ((307,), {"Location": "http://127.0.0.1:1/"}, [], "HTTP 307: redirects are not followed"),
    ],
)
def test_a_failure_that_stays(
    statuses: tuple[int, ...], headers: dict[str, str], pauses: list[float], words: str
) -> None:
    made: list[float] = []
    with hooks(*statuses, **headers) as server, pytest.raises(NotDelivered) as caught:
        deliver(lambda: post(server.url, b"{}", id="abcd", secret=b""), sleep=made.append)
    assert (str(caught.value), made) == (words, pauses)
    assert len(server.taken) == len(pauses) + 1  # a redirect is not a request


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotDelivered, match=r"^Connection refused$"):
        post(f"http://127.0.0.1:{port}/hidden", b"{}", id="a", secret=b"")


def test_a_slow_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotDelivered, match=r"^no answer within 0.05 s$"):
            post(f"http://127.0.0.1:{port}/hidden", b"{}", id="a", secret=b"")


def test_an_answer_that_is_not_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotDelivered, match=r"^BadStatusLine$"):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/hidden", b"{}", id="a", secret=b"")
        thread.join()


def test_a_certificate_that_is_not_valid() -> None:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hidden")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1)).sign(key, None)
    with tempfile.NamedTemporaryFile() as file, socket.create_server(("127.0.0.1", 0)) as server:
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write(made.public_bytes(Encoding.PEM) + secret)
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)

        def answer() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotDelivered, match=r"^the certificate of the server is not valid$"):
            post(f"https://127.0.0.1:{server.getsockname()[1]}/hidden", b"{}", id="a", secret=b"")
        thread.join()
