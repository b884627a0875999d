"""The floor in Python: everything `--depth full` learns of the bench's sshd, by plain epoll and `cryptography`.

Usage: full_epoll.py CONCURRENCY ADDRESS:PORT...

One generator a host and no event loop, no deadline, no plan, no check of anything but the signatures, no record: the
same three connections, the same bytes in the fewest writes, the same exchanges. Knows sshd with the three host keys of
the bench, and fails on anything else.
"""

from __future__ import annotations

import errno
import hashlib
import os
import select
import socket
import sys
from collections.abc import Generator

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

OURS = b"SSH-2.0-bench_0.1.0"
CURVE, GROUP = b"curve25519-sha256", b"diffie-hellman-group-exchange-sha256"
REQUEST = (1024).to_bytes(4, "big") * 2 + (8192).to_bytes(4, "big")

Conversation = Generator[bytes | None, bytes, None]
"""Yields data to send (None: connect again) and receives the answer; b"" at the end of the stream."""


def text(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def number(value: int) -> bytes:
    return text(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def strings(data: bytes, at: int, count: int) -> list[bytes]:
    found = []
    for _ in range(count):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : end])
        at = end
    return found


def packet(payload: bytes, block: int = 8, counted: int = 5) -> bytes:
    fill = block - (counted + len(payload)) % block
    fill += block if fill < 4 else 0
    return (1 + len(payload) + fill).to_bytes(4, "big") + bytes((fill,)) + payload + os.urandom(fill)


def proposal(kex: bytes, key: bytes) -> bytes:
    cipher, mac = b"aes128-gcm@openssh.com", b"hmac-sha2-256-etm@openssh.com"
    names = (kex + b",ext-info-c", key, cipher, cipher, mac, mac, b"none", b"none", b"", b"")
    return b"".join(map(text, names)) + bytes(5)


PROPOSALS = [
    proposal(CURVE, b"rsa-sha2-512"),
    proposal(GROUP, b"ecdsa-sha2-nistp256"),
    proposal(CURVE, b"ssh-ed25519"),
]
GOODBYE = b"\x01" + (11).to_bytes(4, "big") + text(b"bench: done") + text(b"")
METHODS = b"\x32" + text(b"root") + text(b"ssh-connection") + text(b"none")


def verified(blob: bytes, signature: bytes, hashed: bytes) -> None:
    """Raise unless the signature is right."""
    kind, first, second = strings(blob, 0, 3) if b"ed25519" not in blob[:20] else (*strings(blob, 0, 2), b"")
    raw = strings(signature, 0, 2)[1]
    if kind == b"ssh-rsa":
        key = rsa.RSAPublicNumbers(int.from_bytes(first, "big"), int.from_bytes(second, "big")).public_key()
        key.verify(raw, hashed, padding.PKCS1v15(), SHA512())
    elif kind == b"ssh-ed25519":
        Ed25519PublicKey.from_public_bytes(first).verify(raw, hashed)
    else:
        r, s = (int.from_bytes(part, "big") for part in strings(raw, 0, 2))
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), second)
        point.verify(encode_dss_signature(r, s), hashed, ec.ECDSA(SHA256()))


def connection(turn: int, pair: X25519PrivateKey, public: bytes) -> Conversation:
    """Run one connection: the lists, one exchange, the methods on the first connection, the goodbye."""
    held = yield OURS + b"\r\n"
    while b"\n" not in held:
        held += yield b""
    line, _, held = held.partition(b"\n")

    def plain(held: bytes) -> Generator[bytes, bytes, tuple[bytes, bytes]]:
        while len(held) < 4 or len(held) < 4 + int.from_bytes(held[:4], "big"):
            held += yield b""
        end = 4 + int.from_bytes(held[:4], "big")
        return held[5 : end - held[4]], held[end:]

    theirs, held = yield from plain(held)
    strings(theirs, 17, 10)
    ours = b"\x14" + os.urandom(16) + PROPOSALS[turn]
    if turn == 1:
        held += yield packet(ours) + packet(b"\x22" + REQUEST)
        group, held = yield from plain(held)
        p, g = (int.from_bytes(value, "big") for value in strings(group, 1, 2))
        e = pow(g, 1 << 13, p)
        held += yield packet(b"\x20" + number(e))
        reply, held = yield from plain(held)
        blob, f, signature = strings(reply, 1, 3)
        secret = number(pow(int.from_bytes(f, "big"), 1 << 13, p))
        shares = REQUEST + number(p) + number(g) + number(e) + text(f)
    else:
        held += yield packet(ours) + packet(b"\x1e" + text(public))
        reply, held = yield from plain(held)
        blob, point, signature = strings(reply, 1, 3)
        secret = number(int.from_bytes(pair.exchange(X25519PublicKey.from_public_bytes(point)), "big"))
        shares = text(public) + text(point)
    fields = (OURS, line.rstrip(b"\r"), ours, theirs, blob)
    exchange_hash = hashlib.sha256(b"".join(map(text, fields)) + shares + secret).digest()
    verified(blob, signature, exchange_hash)
    if turn:
        yield packet(GOODBYE)
        return
    _, held = yield from plain(held)

    def keys(cipher: bytes, iv: bytes) -> tuple[AESGCM, bytes]:
        seed = secret + exchange_hash
        cipher_key, nonce = (hashlib.sha256(seed + letter + exchange_hash).digest() for letter in (cipher, iv))
        return AESGCM(cipher_key[:16]), nonce[:12]

    (sealing, out), (opening, back) = keys(b"C", b"A"), keys(b"D", b"B")

    def nonce(start: bytes, count: int) -> bytes:
        return start[:4] + (int.from_bytes(start[4:], "big") + count).to_bytes(8, "big")

    def sealed(payload: bytes, count: int) -> bytes:
        clear = packet(payload, 16, 1)
        return clear[:4] + sealing.encrypt(nonce(out, count), clear[4:], clear[:4])

    held += yield packet(b"\x15") + sealed(b"\x05" + text(b"ssh-userauth"), 0) + sealed(METHODS, 1)
    for count in range(9):
        while len(held) < 4 or len(held) < 20 + int.from_bytes(held[:4], "big"):
            held += yield b""
        end = 20 + int.from_bytes(held[:4], "big")
        clear = opening.decrypt(nonce(back, count), held[4:end], held[:4])
        held = held[end:]
        if clear[1] == 51:
            strings(clear, 2, 1)
            break
    yield sealed(GOODBYE, 2)


def conversation() -> Conversation:
    """Run all three connections to one host."""
    pair = X25519PrivateKey.generate()
    public = pair.public_key().public_bytes_raw()
    for turn in range(3):
        yield from connection(turn, pair, public)
        while (yield b""):
            pass
        if turn < 2:
            yield None


class Client:
    """Runs conversations with `concurrency` hosts at a time."""

    def __init__(self, hosts: list[tuple[str, int]], concurrency: int) -> None:
        self.left = iter(hosts)
        self.poll = select.epoll()
        self.open: dict[int, tuple[socket.socket, Conversation, tuple[str, int]]] = {}
        self.saying: set[int] = set()
        self.answered = 0
        for _ in range(concurrency):
            self.next()

    def next(self) -> None:
        host = next(self.left, None)
        if host is not None:
            self.connect(host, conversation())

    def connect(self, host: tuple[str, int], asking: Conversation) -> None:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if connection.connect_ex(host) not in (0, errno.EINPROGRESS):
            raise OSError("cannot connect")
        self.open[connection.fileno()] = connection, asking, host
        self.saying.add(connection.fileno())
        self.poll.register(connection.fileno(), select.EPOLLOUT)

    def run(self) -> None:
        while self.open:
            for file, _ in self.poll.poll():
                connection, asking, host = self.open[file]
                if file in self.saying:
                    self.saying.remove(file)
                    connection.send(next(asking))
                    self.poll.modify(file, select.EPOLLIN)
                    continue
                self.heard(connection, asking, host, connection.recv(65_536))

    def heard(self, connection: socket.socket, asking: Conversation, host: tuple[str, int], data: bytes) -> None:
        try:
            answer = asking.send(data)
        except StopIteration:
            self.close(connection)
            self.answered += 1
            self.next()
            return
        if answer is None:
            self.close(connection)
            self.connect(host, asking)
        elif answer:
            connection.send(answer)

    def close(self, connection: socket.socket) -> None:
        del self.open[connection.fileno()]
        connection.close()


def main() -> int:
    hosts = [target.rpartition(":") for target in sys.argv[2:]]
    client = Client([(host, int(port)) for host, _, port in hosts], int(sys.argv[1]))
    client.run()
    print(client.answered)
    return 0


if __name__ == "__main__":
    sys.exit(main())
