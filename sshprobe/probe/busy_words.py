"""Recognises messages of servers that accept no more connections for now.

RFC 4253 has a reason code for this (12, section 11.1). Many devices instead send a line before or in place of their
identification, or a DISCONNECT with another code. Sources: IOS ("Connection refused by remote host"), Comware ("All
user interfaces are used, please try later!"), Serv-U and Bitvise ("too many connections"), OpenSSH ("Exceeded
MaxStartups", "Not allowed at this time").
"""

from __future__ import annotations

import re
from functools import cache

_WHAT = (
    rb"\b(?:connections?|sessions?|users?|clients?|log[io]ns?|lines?|[vt]tys?|process(?:es)?|terminals?|interfaces?"
    rb"|slots?|channels?|ptys?|startups?|requests?|attempts?|licen[cs]es?)\b"
)
_LIMIT = rb"(?:\b|_)(?:limits?|max(?:imum)?|quota)(?:\b|_)"
_REACHED = rb"\b(?:reach(?:es|ed|ing)?|exceed(?:s|ed|ing)?|hit|full|exhausted)\b"
_TAKEN = rb"\b(?:in use|used|busy|occupied|taken|full|active|exhausted|already logged in)\b"

_BUSY = rb"|".join(
    (
        rb"\btoo many[^.]{0,40}?" + _WHAT,
        rb"\balready\b[^.]{0,20}\b(?:active|open)\b[^.]{0,10}" + _WHAT,
        rb"\b(?:(?:there (?:is|are) )?already|only)\b[^.]{0,30}"
        + _WHAT
        + rb"[^.]{0,30}\b(?:active|allowed|at a time|open)\b",
        _WHAT + rb"[^.]{0,15}\b(?:is |are )?already (?:active|logged|in use|connected|open)",
        rb"\bout of\b[^.]{0,15}" + _WHAT,
        rb"\b(?:can ?not|unable to|not able to|will not) (?:accept|allocate|take|open|create|start)\b[^.]{0,40}"
        + _WHAT,
        rb"\bmax_?(?:startups|clients|sessions|connections|users)\b",
        rb"\bmax(?:imum)?\b[^.]{0,15}" + _WHAT + rb"\W*$",
        rb"\bper[- ](?:host|source|address|ip|user|client)\b[^.]{0,30}" + _LIMIT,
        _WHAT + rb"[^.]{0,20}" + _TAKEN + rb"\W*$",
        rb"\bload\b[^.]{0,15}\b(?:too )?high\b|\btoo much load\b|\blicen[cs]e limit\b",
        rb"\bwait\b[^.]{0,40}\b(?:before|and)\b[^.]{0,20}\b(?:re-?connect|retry|try|log|connect)",
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
        rb"\b(?:out of|insufficient|not enough|no|no free|no more) (?:resources?|memory|processes)\b",
        rb"\brate[ -]limit|\bthrottl(?:ed|ing)\b|\bslow down\b",
        rb"\bnot allowed at this time\b",
        rb"^%?\s*connection (?:was )?refused(?: by (?:the )?(?:remote )?(?:host|server))?\W*$",
    )
)

_ELSEWHERE = (
    # "limit", "reached", "too many" and "later" in most other languages of the vendors.
    r"zu viele|maximale? .{0,40}(?:erreicht|überschritten)|ausgelastet"
    r"|(?:später|spaeter) (?:noch ?einmal|erneut|wieder)"
    r"|trop d|(?:nombre|limite) .{0,40}(?:atteinte?|dépassée?)|réessayez|plus tard"
    r"|demasiad[oa]s|(?:número|límite|maximo|máximo) .{0,40}(?:alcanzad[oa]|superad[oa]|excedid[oa])|más tarde"
    r"|tropp[ei] |(?:numero|limite) .{0,40}raggiunto|più tardi"
    r"|muit[ao]s (?:conex|sess|usu)|(?:número|limite) .{0,40}(?:atingido|excedido)|mais tarde"
    r"|слишком много|(?:превышен|достигнут)\w* .{0,40}(?:лимит|предел|максим|числ|количеств)|позже|позднее"
    r"|(?:已达|达到|超过|超出|已满|過多|过多|達到|超過|已達).{0,12}(?:上限|最大|限制|限)?|稍后|稍後|请重试"
    r"|上限|最大(?:接続|セッション|ユーザ)|混雑|しばらく|최대|초과|나중에"
)
"""German, French, Spanish, Italian, Portuguese, Russian, Chinese, Japanese, Korean."""

_OF_CREDENTIALS = re.compile(
    rb"\b(?:auth\w*|password|public ?key)\W+(?:attempts?|tries|failures?|requests?)", re.IGNORECASE
)
"""A limit that more time does not lift: RFC 4252 section 4."""

_OF_OTHERS = (b"HTTP/", b"<")
"""Beginnings of answers by servers of other protocols, which never count."""

_ENCODINGS = ("latin-1", "gb18030")
"""Encodings of devices, besides UTF-8."""

LOOKED_AT = 4096
"""The most bytes of a server's message that are searched."""


@cache
def _patterns() -> tuple[re.Pattern[bytes], re.Pattern[str]]:
    """Compile the patterns at the first use: most servers never say more than SSH, and it takes 5 ms."""
    return re.compile(_BUSY, re.IGNORECASE | re.MULTILINE), re.compile(_ELSEWHERE, re.IGNORECASE)


def says_busy(words: bytes) -> bool:
    """Return whether `words`, a line or the text of a DISCONNECT, say that the server is at a limit for now."""
    looked_at = words[:LOOKED_AT]
    if words.startswith(_OF_OTHERS) or _OF_CREDENTIALS.search(looked_at) is not None:
        return False
    busy, elsewhere = _patterns()
    return busy.search(looked_at) is not None or any(
        elsewhere.search(looked_at.decode(encoding, "replace")) is not None for encoding in ("utf-8", *_ENCODINGS)
    )
