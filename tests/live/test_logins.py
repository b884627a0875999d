"""A real sshd's banner before login, and its signature algorithms for users' keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.live.asking import ask
from tests.live.conftest import StartOpenSSH

BANNERS = {"authentication.no_banner", "authentication.banner", "authentication.banner_text"}


@pytest.mark.parametrize(
    ("text", "cis", "dev_sec"),
    [
        (None, {"authentication.no_banner"}, set()),
        ("Authorized use only.\n", set(), {"authentication.banner"}),
        ("Debian GNU/Linux 12 \\n \\l\n", {"authentication.banner_text"}, {"authentication.banner"}),
        ("\\s \\r\n", {"authentication.banner_text"}, {"authentication.banner"}),
    ],
)
async def test_the_banner_is_recorded(
    openssh: StartOpenSSH, tmp_path: Path, text: str | None, cis: set[str], dev_sec: set[str]
) -> None:
    file = tmp_path / "banner"
    if text is not None:
        file.write_text(text)
    # Without the file sshd still starts, and sends nothing.
    observation = await ask(await openssh(config_lines=[f"Banner {file}"]))
    assert observation.status == "ok"
    for id, found in (("cis-debian-12", cis), ("dev-sec", dev_sec)):
        assert {each.id for each in grade(observation, load_profile(id)).findings} & BANNERS == found


async def test_signatures_of_users_show_from_9_6_on(openssh: StartOpenSSH, openssh10: StartOpenSSH) -> None:
    lines = ["PubkeyAcceptedAlgorithms +ssh-rsa"]
    old, new, stock = [
        await ask(await start(config_lines=each))
        for start, each in ((openssh, lines), (openssh10, lines), (openssh10, []))
    ]
    found = [
        {each.id for each in grade(observation, load_profile("cis-rhel-9")).findings if each.deviation}
        for observation in (old, new, stock)
    ]
    assert ["authentication.signature_unlisted" in ids for ids in found] == [False, True, False]
    # Debian's 9.2 lists ssh-rsa even if it does not accept it.
    assert "ssh-rsa" in (old.extensions or {})["server-sig-algs"]
