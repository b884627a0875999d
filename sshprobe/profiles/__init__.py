"""Profiles of recommendations: TOML data, types, and a loader that checks them. See `docs/profiles.md`."""

from __future__ import annotations

from sshprobe.profiles.load import (
    available_profiles,
    builtin_profile_text,
    is_built_in,
    is_profile_id,
    load_profile,
    parse_profile,
)
from sshprobe.profiles.model import DEADLINE_SECTIONS, DEFAULT_PROFILE, Deadline, Explained, Kind, Profile, Waiver
from sshprobe.profiles.sections import (
    FORBIDDING_WORDS,
    WORDS,
    AlgorithmRule,
    AuthenticationRule,
    BannerRule,
    GroupExchangeRule,
    HostKeyRule,
    KexRule,
    MinimumBits,
    ProtocolRule,
    UserKeyRule,
)
from sshprobe.profiles.stock import is_stock

__all__ = [
    "DEADLINE_SECTIONS",
    "DEFAULT_PROFILE",
    "FORBIDDING_WORDS",
    "WORDS",
    "AlgorithmRule",
    "AuthenticationRule",
    "BannerRule",
    "Deadline",
    "Explained",
    "GroupExchangeRule",
    "HostKeyRule",
    "KexRule",
    "Kind",
    "MinimumBits",
    "Profile",
    "ProtocolRule",
    "UserKeyRule",
    "Waiver",
    "available_profiles",
    "builtin_profile_text",
    "is_built_in",
    "is_profile_id",
    "is_stock",
    "load_profile",
    "parse_profile",
]
