"""Signature algorithms that a server accepts from keys of users, by its "server-sig-algs" (RFC 8308 section 3.1).

OpenSSH before 9.6 lists everything that it was compiled with, whatever `PubkeyAcceptedAlgorithms` says (kex.c at
V_9_5_P1: `sshkey_alg_list`; at V_9_6_P1: `server_sig_algs` of the options). Its list counts as not observed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import in_openssh, signs_with_sha1
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding

EXTENSION = "server-sig-algs"

_CONFIGURED = "9.6+"
"""Releases of OpenSSH that list the configured algorithms."""

_MEANING = """The server's extensions list the signature algorithms that it accepts from keys of users. OpenSSH before
    9.6 lists everything that it was compiled with, so its list counts as not observed."""
_SEE = '`ssh -vv HOST` prints "kex_ext_info_client_parse: server-sig-algs" or the like.'
_ADVICE = "PubkeyAcceptedAlgorithms -{names}, once no user's key needs it"
_ADVICE_ELSEWHERE = "do not accept {observed} of users' keys"
"""Never a line of `--fix`: a scan does not see the keys of users, and a line could lock them out."""

SIGNATURE_UNLISTED = FindingType(
    id="authentication.signature_unlisted",
    title="Users' keys may sign in a way that the profile does not allow",
    severity="low",
    deviation="yes",
    when="server-sig-algs lists a signature algorithm that the profile forbids or does not list",
    meaning=_MEANING,
    why="The key of a user is only as strong as its signatures.",
    see=_SEE,
    fix="`PubkeyAcceptedAlgorithms` in sshd_config (OpenSSH 8.5 or later), once no user's key needs the others.",
    advice=_ADVICE,
    advice_elsewhere=_ADVICE_ELSEWHERE,
    references=("RFC 8308 section 3.1", "RFC 8332 section 3.3", "sshd_config(5) PubkeyAcceptedAlgorithms"),
    label="unlisted signatures of users' keys",
)

SIGNATURE_WEAK = FindingType(
    id="authentication.signature_weak",
    title="Users' keys may sign over SHA-1",
    severity="low",
    when="server-sig-algs lists a signature algorithm over SHA-1, such as ssh-rsa, that no rule of the profile covers",
    meaning=_MEANING,
    why="Collisions of SHA-1 can be made. No attack on a login is known, but every current client signs with SHA-2.",
    see=_SEE,
    fix="`PubkeyAcceptedAlgorithms -ssh-rsa` in sshd_config, once no user has a client older than OpenSSH 7.2.",
    advice=_ADVICE,
    advice_elsewhere=_ADVICE_ELSEWHERE,
    references=("RFC 8332 section 3.3", "OpenSSH 8.8 release notes"),
    label="SHA-1 signatures of users' keys",
    weaknesses=("sha1",),
    also_called=("server-sig-algs",),
)


def accepted_signatures(observation: Observation) -> list[str] | None:
    """Return the signature algorithms that the server accepts. None: not observed."""
    value = (observation.extensions or {}).get(EXTENSION)
    if value is None:
        return None
    found = observation.identification
    if found is not None and found.software.startswith("OpenSSH") and not in_openssh(_CONFIGURED, found.version):
        return None
    return list(dict.fromkeys(name for name in value.split(",") if name))


def _missing(host: GradedHost) -> Iterator[str]:
    rule = host.profile.user_key
    if rule is not None and rule.allowed and accepted_signatures(host.observation) is None:
        yield "the signature algorithms that users' keys may use (server-sig-algs)"


@check(SIGNATURE_UNLISTED, SIGNATURE_WEAK, missing=_missing)
def user_signatures(host: GradedHost) -> Iterator[Finding]:
    """Find signatures that the profile does not allow, and weak ones, which are never a deviation."""
    profile = host.profile
    accepted = accepted_signatures(host.observation)
    if accepted is None:
        return
    rule = profile.user_key
    bad = [] if rule is None else [name for name in accepted if not rule.passes(name)]
    if rule is not None and bad:
        yield SIGNATURE_UNLISTED.judge(
            message="accepts signatures of users' keys that the profile does not",
            expected=", ".join(rule.allowed) or f"none of {', '.join(rule.forbidden)}",
            observed=", ".join(bad),
            references=(profile.cite(rule), "RFC 8308 section 3.1"),
        )
    weak = [name for name in accepted if name not in bad and signs_with_sha1(name)]
    if weak:
        yield SIGNATURE_WEAK.judge(
            message="accepts signatures over SHA-1 of users' keys",
            expected="rsa-sha2-512, rsa-sha2-256 and others over SHA-2",
            observed=", ".join(weak),
        )
