"""Our key exchange methods, in our order of preference."""

from __future__ import annotations

import msgspec


class Method(msgspec.Struct, frozen=True):
    """A key exchange method that we speak."""

    name: str
    kind: str
    """"ecdh", "hybrid", "dh" or "gex"."""
    detail: str
    """The curve, the KEM and curve, or the group."""
    hash: str
    verifiable: bool = True
    """False: the server shows its host key, but we cannot verify its signature."""


def _methods() -> dict[str, Method]:
    table = [
        Method("curve25519-sha256", "ecdh", "x25519", "sha256"),
        Method("curve25519-sha256@libssh.org", "ecdh", "x25519", "sha256"),
        Method("ecdh-sha2-nistp256", "ecdh", "nistp256", "sha256"),
        Method("mlkem768x25519-sha256", "hybrid", "mlkem768+x25519", "sha256"),
        Method("mlkem768nistp256-sha256", "hybrid", "mlkem768+nistp256", "sha256"),
        Method("ecdh-sha2-nistp384", "ecdh", "nistp384", "sha384"),
        Method("mlkem1024nistp384-sha384", "hybrid", "mlkem1024+nistp384", "sha384"),
        Method("ecdh-sha2-nistp521", "ecdh", "nistp521", "sha512"),
        Method("curve448-sha512", "ecdh", "x448", "sha512"),
        Method("curve448-sha512@libssh.org", "ecdh", "x448", "sha512"),
        Method("diffie-hellman-group14-sha256", "dh", "group14", "sha256"),
        Method("diffie-hellman-group14-sha256@ssh.com", "dh", "group14", "sha256"),
        Method("diffie-hellman-group14-sha224@ssh.com", "dh", "group14", "sha224"),
        Method("diffie-hellman-group14-sha1", "dh", "group14", "sha1"),
        Method("diffie-hellman-group1-sha1", "dh", "group1", "sha1"),
        Method("diffie-hellman-group15-sha512", "dh", "group15", "sha512"),
        Method("diffie-hellman-group15-sha256@ssh.com", "dh", "group15", "sha256"),
        Method("diffie-hellman-group15-sha384@ssh.com", "dh", "group15", "sha384"),
        Method("diffie-hellman-group16-sha512", "dh", "group16", "sha512"),
        Method("diffie-hellman-group16-sha384@ssh.com", "dh", "group16", "sha384"),
        Method("diffie-hellman-group16-sha512@ssh.com", "dh", "group16", "sha512"),
        Method("diffie-hellman-group-exchange-sha256", "gex", "", "sha256"),
        Method("diffie-hellman-group-exchange-sha1", "gex", "", "sha1"),
        Method("diffie-hellman-group-exchange-sha224@ssh.com", "gex", "", "sha224"),
        Method("diffie-hellman-group-exchange-sha384@ssh.com", "gex", "", "sha384"),
        Method("diffie-hellman-group-exchange-sha512@ssh.com", "gex", "", "sha512"),
        Method("diffie-hellman-group17-sha512", "dh", "group17", "sha512"),
        Method("diffie-hellman-group18-sha512", "dh", "group18", "sha512"),
        Method("diffie-hellman-group18-sha512@ssh.com", "dh", "group18", "sha512"),
        Method("sntrup761x25519-sha512", "hybrid", "sntrup761+x25519", "sha512", verifiable=False),
        Method("sntrup761x25519-sha512@openssh.com", "hybrid", "sntrup761+x25519", "sha512", verifiable=False),
    ]
    return {method.name: method for method in table}


METHODS: dict[str, Method] = _methods()
"""In our order of preference: cheap methods first, those that we cannot verify last."""
