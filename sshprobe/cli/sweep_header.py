"""The first record of a sweep."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sshprobe import __version__
from sshprobe.model import timestamps
from sshprobe.model.escape import escape_unprintable

if TYPE_CHECKING:
    from sshprobe.cli.options.targets import ChosenTargets
    from sshprobe.model.records import ProfileReference, SourceFile, SweepRecord, SweepSettings
    from sshprobe.profiles import Profile
    from sshprobe.scan.settings import ScanSettings

TOOL = f"sshprobe {__version__}"

_PASSWORD = re.compile(r"(?<=\w://)([^:/@\s]*:)\S*(?=@)|([?&]\w*password=)[^&\s]*", re.IGNORECASE)
"""A password in a URL, as in `--history postgresql://me:secret@db/fleet`: records have no secrets. It may contain a
slash, and may be in the query, "?password=secret"."""


def sweep_header(
    profiles: Sequence[Profile],
    *,
    strict: bool,
    seed: int | None = None,
    settings: SweepSettings | None = None,
    saved: str | None = None,
) -> SweepRecord:
    """Return the header of a sweep that starts now, with the arguments of this process.

    `seed`: of its random order. `settings`: the options that change its records. `saved`: the name of saved options.
    """
    from sshprobe.model.records import SweepRecord

    return SweepRecord(
        tool=TOOL,
        arguments=[escape_unprintable(_PASSWORD.sub(r"\1\2***", argument)) for argument in sys.argv[1:]],
        profiles=references(profiles),
        started_at=timestamps.encode(datetime.now(UTC)),
        seed=seed,
        strict=strict,
        settings=settings,
        scan_id=os.urandom(8).hex(),
        saved=saved,
    )


def references(profiles: Sequence[Profile]) -> list[ProfileReference]:
    """Return the names of profiles for records."""
    from sshprobe.model.records import ProfileReference

    return [
        ProfileReference(
            id=profile.id,
            version=profile.version,
            extends=list(profile.extends),
            unverified=profile.not_verified,
            digest=profile.digest,
        )
        for profile in profiles
    ]


def sweep_settings(
    chosen: ChosenTargets, profiles: Sequence[str], settings: ScanSettings, *, skip_silent: bool = False
) -> SweepSettings:
    """Return the options of a scan for its header. `profiles`: as the user named them."""
    from sshprobe.model.records import PaceSettings, SweepSettings

    return SweepSettings(
        targets=_clean(chosen.targets),
        files=_sources(chosen.files),
        inventories=_sources(chosen.inventories),
        inventory_format=chosen.inventory_format,
        records=_sources(chosen.records),
        statuses=list(chosen.statuses),
        grades=list(chosen.grades),
        ports=list(chosen.ports),
        exclude=_clean(chosen.exclude),
        exclude_files=_sources(chosen.exclude_files),
        profiles=_clean(profiles),
        depth=settings.depth,
        auth_methods=settings.auth_methods,
        auth_users=list(settings.auth_users),
        client_id=settings.client_id,
        family=settings.family,
        all_addresses=settings.all_addresses,
        labels=list(chosen.labels),
        skip_silent=skip_silent,
        pace=PaceSettings(**{field: getattr(settings, field) for field in PaceSettings.__struct_fields__}),
    )


def _clean(words: Sequence[str]) -> list[str]:
    return [escape_unprintable(word) for word in words]


def _sources(names: Sequence[str]) -> list[SourceFile]:
    from sshprobe.model.records import SourceFile

    return [SourceFile(name=escape_unprintable(name), digest=digest_of(name)) for name in names]


def digest_of(name: str) -> str | None:
    """Return the SHA-256 of a file in hex, or None if it is not a regular file or cannot be read."""
    try:
        if name == "-" or not stat.S_ISREG(Path(name).stat().st_mode):
            return None
        with Path(name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
