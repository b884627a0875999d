"""How much we are willing to read, and why that much.

Every limit names its precedent. None of them stops a server in use; all of them together bound what a hostile
one can make us hold: less than `CONNECTION_BYTES` per connection.
"""

from __future__ import annotations

IDENTIFICATION_LINE = 8192
"""Bytes in a line before KEXINIT. RFC 4253 4.2 says 255 for the identification; OpenSSH's client reads 8192."""

LINES_BEFORE_IDENTIFICATION = 1024
"""Lines before the identification. OpenSSH's client gives up after as many (SSH_MAX_PRE_BANNER_LINES)."""

BYTES_BEFORE_IDENTIFICATION = 32_768
"""Bytes of all those lines together. A tarpit (endlessh) sends them for ever."""

PACKET_LENGTH = 35_000
"""The packet_length field. RFC 4253 6.1 asks implementations to take packets of 35000 bytes in total."""

MINIMUM_PADDING = 4
"""RFC 4253 6: at least four bytes of padding."""

NAME_LIST_NAMES = 2048
"""Names in one name-list. The longest list of a known server has fewer than 100."""

NAME_LENGTH = 1024
"""Bytes in a name. RFC 4251 6 says 64; longer GSS-API names occur."""

CONNECTION_BYTES = 131_072
"""Bytes read in one connection. A full exchange with a default OpenSSH takes about 4 kB; zgrab2 stops at 96 KiB."""

GROUP_EXCHANGE_MODULUS_BITS = 8192
"""The largest modulus we calculate with: the max that we ask for (RFC 8270: 8192). A larger one is a breach."""

RSA_MODULUS_BITS = 16_384
"""The largest RSA key we verify with. OpenSSH's own limit (SSHBUF_MAX_BIGNUM)."""

AUTHENTICATION_PACKETS = 64
"""Packets read after NEWKEYS before we stop waiting for the answer."""
