"""Whether a server says, in words of its own, that it takes no more connections for now.

RFC 4253 has a reason code for this (12, section 11.1). Many devices send a line before or in place of their
identification instead, or a DISCONNECT with another code. Sources: IOS ("Connection refused by remote host"), Comware
("All user interfaces are used, please try later!"), Serv-U and Bitvise ("too many connections"), OpenSSH ("Exceeded
MaxStartups", "Not allowed at this time").
"""

from __future__ import annotations

import re

_WHAT = (
    rb"\b(?:connections?|sessions?|users?|clients?|log[io]ns?|lines?|[vt]tys?|process(?:es)?|terminals?|interfaces?"
    rb"|slots?|channels?|ptys?|startups?)\b"
)
_LIMIT = rb"\b(?:limit|max(?:imum)?|quota)\b"
_REACHED = rb"\b(?:reach(?:es|ed)?|exceed(?:s|ed)?|hit|full)\b"
_TAKEN = rb"\b(?:in use|used|busy|occupied|taken|full|active)\b"

_BUSY = re.compile(
    rb"|".join(
        (
            rb"\btoo many\b[^.]{0,40}" + _WHAT,
            _LIMIT + rb".{0,60}?" + _REACHED,
            _REACHED + rb".{0,40}?" + _LIMIT,
            rb"\bexceed(?:s|ed)? max",
            rb"\bmax(?:imum)?\b.{0,30}?" + _WHAT + rb".{0,30}?" + _TAKEN,
            rb"\ball\b[^.]{0,40}" + _WHAT + rb"[^.]{0,20}" + _TAKEN,
            rb"\bno (?:more|free|available|spare|idle)\b[^.]{0,30}" + _WHAT,
            rb"\bno\b[^.]{0,20}" + _WHAT + rb"[^.]{0,20}\b(?:available|free|left)\b",
            _WHAT + rb"[^.]{0,15}\bfull\b",
            rb"\b(?:try|retry|come back|call back)\b(?: again)?(?: (?:it|a bit|a little|somewhat))? later\b",
            rb"\btry again (?:in|after)\b",
            rb"\b(?:server|system|device|host|service|daemon|sshd?|switch|router)\b(?: is)?"
            rb"(?: too| currently| temporarily)* (?:busy|overloaded|full)\b",
            rb"\b(?:temporarily|currently) (?:unavailable|not available|blocked|banned|locked|refus)",
            rb"\b(?:port|line|session|console)\b(?: is)?(?: already| currently)? in use\b",
            rb"\b(?:out of|insufficient|not enough|no free|no more) (?:resources?|memory|processes)\b",
            rb"\brate[ -]limit|\bthrottl(?:ed|ing)\b|\bslow down\b",
            rb"\bnot allowed at this time\b",
            rb"^%?\s*connection (?:was )?refused(?: by (?:the )?(?:remote )?(?:host|server))?\W*$",
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)

_OF_OTHERS = (b"HTTP/", b"<")
"""Beginnings of answers by servers of other protocols, whatever they say."""

LOOKED_AT = 4096
"""Bytes of a server's words that are looked at."""


def says_busy(words: bytes) -> bool:
    """Return whether `words`, a line or the text of a DISCONNECT, say that the server is at a limit for now."""
    return not words.startswith(_OF_OTHERS) and _BUSY.search(words[:LOOKED_AT]) is not None
