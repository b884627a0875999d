"""`ScanSettings` are checked at creation, and equal in another process."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe import InputError, load_profile
from sshprobe.scan.settings import ScanSettings
from sshprobe.targets import Exclusions

EXCLUDED = ("192.0.2.7", "10.0.0.0/8", "0.0.0.0/8", "2001:db8::/33", "fe80::1", "::ffff:192.0.2.99", "gate.example.org")
WAIVED = """
id = "ours"
extends = "mozilla-modern"
title = "Ours"
version = "1"
date = "2026"
source = "us"

[[waiver]]
finding = "mac.unlisted"
hosts = ["10.0.0.0/8", "*.example.org"]
reason = "old clients"
until = 2026-12-24
"""


def test_settings_survive_encoding(tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    profile.write_text(WAIVED)
    settings = ScanSettings(
        profiles=(load_profile("sshprobe-2026"), load_profile(str(profile))),
        depth="keys",
        auth_users=("alice",),
        client_id="SSH-2.0-audit",
        rate=12.5,
        family=6,
        exclude=Exclusions.parse(EXCLUDED),
    )
    profile.unlink()
    there = ScanSettings.decode(settings.encode())
    assert msgspec.structs.replace(there, exclude=settings.exclude) == settings
    assert [each.digest for each in there.profiles] == [each.digest for each in settings.profiles]
    for version in (4, 6):
        assert [*map(list, there.exclude.intervals(version))] == [*map(list, settings.exclude.intervals(version))]
    hosts = ("10.0.0.255", "11.0.0.0", "192.0.2.7", "192.0.2.99", "2001:db8::1", "2001:db8:8000::", "fe80::1%eth0")
    for host in (*hosts, "fe80::2", "gate.example.org", "web1"):
        assert there.exclude.covers(host) == settings.exclude.covers(host)


def test_other_exclusions_cannot_be_sent() -> None:
    with pytest.raises(TypeError, match="settings cannot hold `object`"):
        ScanSettings(exclude=object()).encode()  # type: ignore[arg-type] # the wrong type is the test


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"depth": "deep"}, InputError, "depth is lists, keys, full, not 'deep'"),
    ({"family": 5}, InputError, "family is 4, 6 or None, not 5"),
    ({"timeout": 0}, InputError, "timeout must be more than 0 seconds"),
    ({"host_timeout": math.nan}, InputError, "host_timeout must be more than 0 seconds"),
    ({"throttle_wait": math.nan}, InputError, "throttle_wait must be 0 seconds or more"),
    ({"concurrency": 0}, InputError, "concurrency must be 1 or more"),
    ({"rate": 0}, InputError, "rate must be more than 0; None means no limit"),
    ({"auth_users": ("root", "")}, InputError, "auth_users must not be empty"),
    ({"auth_users": (7,)}, TypeError, "auth_users are strings"),
    ({"client_id": "SSH-2.0-ü"}, InputError, "client id: an identification is printable ASCII"),
    ({"client_id": "SSH-2.0-Nmap-probe"}, InputError, "client id: "),
    ({"profiles": (7,)}, TypeError, "profiles: `int` is not a profile"),
    ({"profiles": (load_profile("mozilla-client-modern"),)}, InputError, "says what a client should offer"),
]


@pytest.mark.parametrize(("changed", "error", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused_however_the_settings_are_made(
    changed: dict[str, Any], error: type[Exception], words: str
) -> None:
    settings = ScanSettings()
    with pytest.raises(error) as made:
        ScanSettings(**changed)
    with pytest.raises(error) as replaced:
        msgspec.structs.replace(settings, **changed)
    assert words in str(made.value)
    assert str(replaced.value) == str(made.value)


def test_workers_share_concurrency_and_rate() -> None:
    settings = ScanSettings(concurrency=100, rate=30)
    share = settings.share(3)
    assert (share.concurrency, share.rate) == (33, 10)
    assert (settings.concurrency, settings.rate) == (100, 30)
    assert ScanSettings(concurrency=2).share(4).concurrency == 1
