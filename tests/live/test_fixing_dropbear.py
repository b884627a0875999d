"""The loop of `--fix` for Dropbear: compile badly, scan, compile as printed, scan again, log in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from sshprobe.lab.dropbear import DropbearServer
from sshprobe.lab.openssh import find_debian
from sshprobe.lab.process import make_key, run_tool
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.render.fix.pasted import dropbear
from sshprobe.views.fixes import Plan
from tests.installed import need, need_program
from tests.live.asking import ask
from tests.live.fixing import WHOLE, build_dropbear, log_in, server_profiles

SOURCE = Path(__file__).parents[2] / ".servers/dropbear-build"
KEYS = {"rsa": "rsa:3072", "ecdsa": "ecdsa:256", "ed25519": "ed25519"}


@dataclass(frozen=True)
class Bad:
    """A bad Dropbear: definitions other than the default, and host keys."""

    on: Sequence[str] = ()
    off: Sequence[str] = ()
    keys: Sequence[str] = ("rsa", "ecdsa", "ed25519")
    rsa: str = "rsa:3072"

    def localoptions(self) -> str:
        lines = [f"#define DROPBEAR_{name} 1" for name in self.on] + [f"#define DROPBEAR_{name} 0" for name in self.off]
        return "\n".join([*lines, ""])


BAD = {
    "default settings": Bad(rsa="rsa:2048"),
    "SHA-1 everywhere": Bad(on=("SHA1_HMAC", "RSA_SHA1", "DH_GROUP14_SHA1")),
    "as Debian 12 had it": Bad(on=("SHA1_HMAC", "RSA_SHA1", "DH_GROUP14_SHA1"), off=("MLKEM768", "SNTRUP761")),
    "a group of 1024 bits": Bad(on=("DH_GROUP1", "DH_GROUP1_CLIENTONLY"), off=("DH_GROUP1_CLIENTONLY",)),
    "CBC": Bad(on=("ENABLE_CBC_MODE",)),
    "triple DES": Bad(on=("3DES", "ENABLE_CBC_MODE")),
    "SHA-1 as the only MAC": Bad(on=("SHA1_HMAC",), off=("SHA2_256_HMAC",)),
    "short MACs": Bad(on=("SHA1_96_HMAC", "SHA1_HMAC")),
    "DSA": Bad(on=("DSS",), keys=("dss", "ed25519")),
    "a small RSA key": Bad(rsa="rsa:1024"),
    "an RSA key alone": Bad(keys=("rsa",), rsa="rsa:2048", on=("RSA_SHA1",)),
    "no post-quantum exchange": Bad(off=("MLKEM768", "SNTRUP761")),
    "groups alone": Bad(on=("DH_GROUP16", "DH_GROUP14_SHA1"), off=("CURVE25519", "ECDH", "MLKEM768", "SNTRUP761")),
    "GCM beside all else": Bad(on=("ENABLE_GCM_MODE", "SHA2_512_HMAC", "SHA1_HMAC")),
}

ALWAYS = ("default settings", "a group of 1024 bits", "SHA-1 as the only MAC", "an RSA key alone")
"""Builds of `make test`: a list that shrinks, one that grows, a replaced key, and the default."""


def _cases() -> list[tuple[str, str]]:
    bad, profiles = list(BAD), server_profiles()
    if WHOLE:
        return [(name, profile) for name in bad for profile in profiles]
    # Each compiles Dropbear twice, 15 s of CPU: `make test` builds a few, `make live-matrix` all.
    return [(name, profiles[i % len(profiles)]) for i, name in enumerate(bad) if name in ALWAYS]


class Builder:
    """Builds each set of options once, and makes each kind of key once."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._built: dict[frozenset[tuple[str, str]], Path] = {}
        self._defaults = _definitions((SOURCE / "src/default_options.h").read_text())

    def build(self, options: str) -> Path:
        wanted = frozenset(_definitions(options).items() - self._defaults.items())
        if wanted not in self._built:
            self._built[wanted] = build_dropbear(SOURCE, self._work, options)
        return self._built[wanted]

    def key(self, spec: str, file: Path) -> None:
        made = self._work / f"key-{spec.replace(':', '-')}"
        if not made.exists():
            kind, _, bits = spec.partition(":")
            run_tool(SOURCE / "dropbearkey", "-t", kind, *(["-s", bits] if bits else []), "-f", made)
        shutil.copy2(made, file)


def _definitions(text: str) -> dict[str, str]:
    """Return the last value of each definition."""
    return dict(re.findall(r"^#define (DROPBEAR_\w+) ([01])\b", text, re.MULTILINE))


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    need((SOURCE / "dropbear").exists(), "a Dropbear to build", "its source, make and gcc")
    need_program("make", "make")
    return Builder(tmp_path_factory.mktemp("dropbear"))


def _apply(text: str, etc: Path) -> list[str]:
    """Run the printed commands, and return the arguments."""
    for command in re.findall(r"/\* As root: (.*) \*/", text):
        words = command.replace("/etc/dropbear/", f"{etc}/")
        environment = {**os.environ, "PATH": f"{SOURCE}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-ec", words], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
    return [word for words in re.findall(r'DROPBEAR_EXTRA_ARGS="(.*)"', text) for word in words.split()]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("bad", "profile_id"), _cases())
async def test_the_compiled_server_is_fixed(
    bad: str, profile_id: str, builder: Builder, tmp_path: Path, stack: AsyncExitStack
) -> None:
    chosen, profile = BAD[bad], load_profile(profile_id)
    etc, home = tmp_path / "etc", tmp_path / "home"
    etc.mkdir()
    home.mkdir(mode=0o700)
    own = make_key("ed25519", tmp_path / "own")
    (home / "authorized_keys").write_text(own.with_name("own.pub").read_text())
    (home / "authorized_keys").chmod(0o600)
    before_it = builder.build(chosen.localoptions())
    files = [etc / f"dropbear_{name}_host_key" for name in chosen.keys]
    for name, file in zip(chosen.keys, files, strict=True):
        builder.key(chosen.rsa if name == "rsa" else KEYS.get(name, name), file)

    def server(programs: Path, *options: str) -> DropbearServer:
        return DropbearServer(host_keys=files, build=programs, authorized_keys=home, options=options)

    async with server(before_it) as running:
        before = await ask(running)
    assert before.status in ("ok", "partial")
    found = remedy(before, profile)
    plan = Plan()
    plan.add(HostRecord(**msgspec.structs.asdict(before), verdicts=[grade(before, profile)]), found)
    text = dropbear(plan)
    after_it = builder.build(chosen.localoptions() + text)
    arguments = _apply(text, etc)

    running = await stack.enter_async_context(server(after_it, *arguments))
    after = await ask(running)
    verdict = grade(after, profile)
    promised = (found.grade, found.score, found.compliant)
    assert (verdict.grade, verdict.score, verdict.compliant) == promised, [f.id for f in verdict.findings if f.counts]
    if found.compliant is False:
        assert "This leaves:" in text or "To change by hand:" in text
        left = {line.partition(":")[0] for line in found.left}
        for finding in verdict.findings:
            assert not finding.deviation or f"{finding.id} {finding.algorithm or ''}".strip() in left

    debian = find_debian(13)
    for client in (debian.client if debian else None, Path(need_program("ssh", "openssh-client"))):
        if client is not None:
            assert await log_in(client, running, own) == "in", running.log()[-800:] + text[-3000:]
