"""Limits on what a server may send, each with its precedent.

No server in use exceeds one. Together they limit the memory that a hostile server can make us use to less than
`CONNECTION_BYTES` per connection.
"""

from __future__ import annotations

IDENTIFICATION_LINE = 8192
"""Bytes in a line before KEXINIT. RFC 4253 4.2 says 255 for the identification; OpenSSH's client reads 8192."""

LINES_BEFORE_IDENTIFICATION = 1024
"""Lines before the identification. OpenSSH's client gives up after as many (SSH_MAX_PRE_BANNER_LINES)."""

BYTES_BEFORE_IDENTIFICATION = 32_768
"""Bytes of all these lines together. A tarpit (endlessh) sends endless lines."""

PACKET_LENGTH = 35_000
"""The largest packet_length, in bytes. RFC 4253 6.1 requires implementations to accept packets of 35000 bytes in
total."""

MINIMUM_PADDING = 4
"""Bytes of padding, at least (RFC 4253 6)."""

NAME_LIST_NAMES = 2048
"""Names in one name-list. The longest list of a known server has fewer than 100."""

NAME_LENGTH = 1024
"""Bytes in a name. RFC 4251 6 says 64; longer GSS-API names occur."""

CONNECTION_BYTES = 131_072
"""Bytes read in one connection. A full exchange with a default OpenSSH takes about 4 kB; zgrab2 stops at 96 KiB."""

GROUP_EXCHANGE_MODULUS_BITS = 8192
"""Bits of the largest modulus that we use: the max of our request (RFC 8270: 8192). A larger one is an error."""

RSA_MODULUS_BITS = 16_384
"""Bits of the largest RSA key that we verify with: OpenSSH's own limit (SSHBUF_MAX_BIGNUM)."""

AUTHENTICATION_PACKETS = 64
"""Packets read after both NEWKEYS before the answer to our request. OpenSSH sends three or four."""
