"""The ten name-lists of KEXINIT (RFC 4253 section 7.1): types, directions and fields of an `Observation`."""

from __future__ import annotations

from typing import Literal, get_args

AlgorithmType = Literal["kex", "host_key", "cipher", "mac", "compression"]
"""A class of algorithms that is negotiated by name."""

ALGORITHM_TYPES: tuple[AlgorithmType, ...] = get_args(AlgorithmType)

FIELDS: dict[AlgorithmType, tuple[tuple[str, str], ...]] = {
    "kex": (("", "kex_algorithms"),),
    "host_key": (("", "server_host_key_algorithms"),),
    "cipher": (
        ("client to server", "encryption_algorithms_client_to_server"),
        ("server to client", "encryption_algorithms_server_to_client"),
    ),
    "mac": (
        ("client to server", "mac_algorithms_client_to_server"),
        ("server to client", "mac_algorithms_server_to_client"),
    ),
    "compression": (
        ("client to server", "compression_algorithms_client_to_server"),
        ("server to client", "compression_algorithms_server_to_client"),
    ),
}
"""Direction and field of `Observation` for each type of algorithms."""

LANGUAGES = ("languages_client_to_server", "languages_server_to_client")

NAME_LISTS = (*(field for fields in FIELDS.values() for _, field in fields), *LANGUAGES)
"""All ten, in their order on the wire."""

MAX_NAMES = 256
"""Names in one name-list that are counted or indexed. The longest list of a known server has fewer than 100."""

LONGEST_NAME = 64
"""Characters of an algorithm's name (RFC 4251 section 6). Longer names are not counted or indexed."""
