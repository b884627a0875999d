"""Reads and checks profiles. Errors are one line with file, line and field."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, is_marker
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_text
from sshprobe.profiles.extending import DEEPEST, extended
from sshprobe.profiles.host_patterns import host_pattern
from sshprobe.profiles.model import DEFAULT_PROFILE, Deadline, Profile, Waiver
from sshprobe.profiles.sections import (
    FORBIDDING_WORDS,
    SECTIONS,
    WORDS,
    AuthenticationRule,
    BannerRule,
    HostKeyRule,
    KexRule,
    MinimumBits,
    UserKeyRule,
)
from sshprobe.profiles.stock import FAMILY, is_stock, stock_profile_text
from sshprobe.profiles.toml_files import LARGEST_FILE, Place, TomlText, toml_document, toml_text
from sshprobe.small_files import read_small_file


def available_profiles() -> list[str]:
    """Return the ids of the built-in profiles with a file, sorted. `openssh-X.Y` also exists for every release."""
    return sorted(path.stem for path in _directory().glob("*.toml"))


def is_built_in(id: str) -> bool:
    """Return whether an id belongs to a built-in profile, in a file or of the family `openssh-X.Y`."""
    return is_stock(id) or id in available_profiles()


def builtin_profile_text(id: str) -> str:
    """Return the TOML of a built-in profile. Raises `InputError` for an unknown id."""
    if is_stock(id):
        return stock_profile_text(id)
    if id not in available_profiles():
        import difflib  # only needed after a mistake

        within = [each for each in available_profiles() if len(id) > 2 and id.lower() in each]
        close = within or difflib.get_close_matches(id, available_profiles(), n=1)
        known = ", ".join([*available_profiles(), FAMILY])
        meant = " or ".join(f"`{each}`" for each in close)
        hint = f"did you mean {meant}? `sshprobe profiles list` shows all" if close else f"known: {known}, or a file"
        raise InputError(f"unknown profile `{escape_text(id)}`: {hint}")
    return (_directory() / f"{id}.toml").read_text(encoding="utf-8")


def load_profile(name_or_path: str = DEFAULT_PROFILE) -> Profile:
    """Return a built-in profile by its id, or a user's profile by its path.

    Raises `InputError`, one line "FILE:LINE: field: fault". A name that the catalogue does not know is not an error:
    see `Profile.unknown_names`.
    """
    return _load(name_or_path, ())


def parse_profile(text: str, *, source: str) -> Profile:
    """Return the profile in `text`. Raises `InputError`.

    `source`: its name in errors. `extends` starts from its folder.
    """
    return _parse(text, source, (source,))


def _load(name_or_path: str, extending: tuple[str, ...]) -> Profile:
    """Return a profile. `extending`: the files that led here by `extends`, outermost first."""
    if is_built_in(name_or_path):
        source = f"{name_or_path}.toml"
        return _parse(builtin_profile_text(name_or_path), source, (*extending, source))
    path = Path(name_or_path)
    if not name_or_path or (not path.suffix and len(path.parts) < 2 and not path.exists()):
        builtin_profile_text(name_or_path)
    return _parse(profile_text(name_or_path), name_or_path, (*extending, name_or_path))


def profile_text(name: str) -> str:
    """Return the TOML of a user's profile. Raises `InputError`."""
    try:
        data = read_small_file(name, most=LARGEST_FILE, advice="a profile is a short TOML file")
    except OSError as error:
        raise InputError(f"cannot read the profile: {error.strerror}", source=name) from None
    return toml_text(data, source=name)


def _parse(text: str, source: str, extending: tuple[str, ...]) -> Profile:
    document = toml_document(text, source=source)
    reader = TomlText(text, source)
    _check_printable(document, (), reader)
    if "extends" in document:
        document = extended(_base(document["extends"], reader, extending), document, reader)
    try:
        profile = msgspec.convert(document, Profile)
    except msgspec.ValidationError as error:
        reader.fail_as(str(error))
    _check(profile, reader)
    return profile


def _base(name: object, reader: TomlText, extending: tuple[str, ...]) -> Profile:
    """Return the profile that another extends: a built-in one, or a file relative to the folder of that other."""
    place = ("extends",)
    if not isinstance(name, str):
        reader.fail(place, f"expected `str`, got `{type(name).__name__}`")
    if len(extending) > DEEPEST:
        reader.fail(place, f"more than {DEEPEST} profiles extend one another")
    if is_built_in(name):
        return _load(name, extending)
    path = Path(reader.source).parent / name
    if not name or "\0" in name or not path.is_file():
        reader.fail(place, f"`{name}` is not a built-in profile or a file beside this one")
    if any(path.resolve() == Path(each).resolve() for each in extending):
        reader.fail(place, f"`{name}` leads back to itself")
    return _load(str(path), extending)


def _directory() -> Path:
    installed = Path(__file__).parent.parent / "_profiles"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "profiles"


def _check_printable(value: object, place: Place, reader: TomlText) -> None:
    """Raise `InputError` for a text with a line end or an unprintable character: findings and terminals show them."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_printable(key, place, reader)
            _check_printable(item, (*place, key), reader)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_printable(item, (*place, index), reader)
    elif isinstance(value, str) and not value.isprintable():
        reader.fail(place or (value,), "has a line end or another character that cannot be printed")


def is_profile_id(text: str) -> bool:
    """Return whether a profile can have this id."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text) is not None


def _check(profile: Profile, reader: TomlText) -> None:
    """Raise `InputError` for the first fault that types cannot express."""
    if not is_profile_id(profile.id):
        reader.fail(("id",), f"`{profile.id}` is not made of lower-case letters, digits, `.`, `_` and `-`")
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", profile.date):
        reader.fail(("date",), f"`{profile.date}` is not YYYY, YYYY-MM or YYYY-MM-DD")
    for field in ("title", "version", "source"):
        if not getattr(profile, field).strip():
            reader.fail((field,), "is empty")
    if all(getattr(profile, section) is None for section in SECTIONS):
        raise InputError(f"names nothing to check: none of {', '.join(SECTIONS)}", source=reader.source, line=1)
    for category in ALGORITHM_TYPES:
        _check_algorithms(profile, category, reader)
    sizes: list[tuple[Place, int | None]] = []
    if profile.group_exchange is not None:
        for field in ("min_bits", "advised_bits"):
            sizes.append((("group_exchange", field), getattr(profile.group_exchange, field)))
    if profile.host_key is not None:
        for field in ("min_bits", "advised_bits"):
            for family in ("rsa", "dsa"):
                sizes.append((("host_key", field, family), getattr(getattr(profile.host_key, field), family)))
        sizes += [(("host_key", "exact_bits", "rsa"), bits) for bits in profile.host_key.exact_bits.rsa]
    for place, bits in sizes:
        if bits is not None and not 1024 <= bits <= 16384:
            reader.fail(place, f"{bits} is not between 1024 and 16384 bits")
    if profile.protocol is not None:
        _check_names(profile.protocol.allowed, ("protocol", "allowed"), reader)
    if profile.authentication is not None:
        _check_authentication(profile.authentication, reader)
    if profile.banner is not None:
        _check_banner(profile.banner, reader)
    if profile.user_key is not None:
        _check_user_key(profile.user_key, reader)
    seen: set[str] = set()
    for index, item in reversed(list(enumerate(profile.explained))):
        if item.id in seen:
            reader.fail(("explained", index, "id"), f"`{item.id}` is there twice")
        seen.add(item.id)
    for index, waiver in enumerate(profile.waiver):
        _check_waiver(waiver, ("waiver", index), reader)
    for index, deadline in enumerate(profile.deadline):
        _check_deadline(profile, deadline, ("deadline", index), reader)
    if profile.at is not None:
        reader.fail(("at",), "is not for files: `grade --at DATE` sets it")


def _check_authentication(rule: AuthenticationRule, reader: TomlText) -> None:
    if rule.allowed and rule.forbidden:
        reader.fail(("authentication", "forbidden"), "is for a section without `allowed`, which forbids all others")
    if not rule.allowed and not rule.forbidden and not rule.require:
        reader.fail(("authentication", "allowed"), "is empty, and nothing is forbidden or required")
    for field in ("allowed", "forbidden", "require", "recommended"):
        if getattr(rule, field):
            _check_names(getattr(rule, field), ("authentication", field), reader)
    allowed, forbidden = set(rule.allowed), set(rule.forbidden)
    for field in ("require", "recommended"):
        for name in getattr(rule, field):
            if name in forbidden or (allowed and name not in allowed):
                reader.fail(("authentication", field), f"`{name}` is not among what passes", name)
    steps = rule.chain.split(",")
    if rule.chain and (len(steps) < 2 or not {"publickey", "password", "keyboard-interactive"}.issuperset(steps)):
        reader.fail(("authentication", "chain"), f"`{rule.chain}` is not a chain such as publickey,password")
    if rule.chain and steps[0] not in rule.allowed:
        reader.fail(("authentication", "chain"), f"`{steps[0]}`, its first step, is not among `allowed`")


def _check_banner(rule: BannerRule, reader: TomlText) -> None:
    # The name goes into lines of sshd_config and into playbooks.
    if not re.fullmatch(r"/[A-Za-z0-9_./-]+", rule.file):
        reader.fail(("banner", "file"), f"`{rule.file}` is not a path made of letters, digits, `_`, `.`, `-` and `/`")
    for field in ("any_of", "without"):
        values = getattr(rule, field)
        if values and not rule.sent:
            reader.fail(("banner", field), "has no effect where `sent` is false")
        if any(not value.strip() for value in values):
            reader.fail(("banner", field), "has an empty text")


def _check_user_key(rule: UserKeyRule, reader: TomlText) -> None:
    if bool(rule.allowed) == bool(rule.forbidden):
        reader.fail(("user_key",), "needs `allowed` or `forbidden`, and not both")
    _check_names(rule.allowed or rule.forbidden, ("user_key", "allowed" if rule.allowed else "forbidden"), reader)


def _check_waiver(waiver: Waiver, place: Place, reader: TomlText) -> None:
    if not re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", waiver.finding):
        reader.fail((*place, "finding"), f"`{waiver.finding}` is not the id of a finding, such as mac.unlisted")
    if waiver.finding.startswith("profile."):
        reader.fail((*place, "finding"), f"`{waiver.finding}` is about waivers and cannot be waived")
    for field in ("algorithm", "reason"):
        value = getattr(waiver, field)
        if value is not None and not value.strip():
            reader.fail((*place, field), "is empty")
    if not waiver.hosts:
        reader.fail((*place, "hosts"), "is empty: name the hosts, or all of them as `*`")
    for text in waiver.hosts:
        try:
            host_pattern(text)
        except ValueError as error:
            reader.fail((*place, "hosts"), f"`{text}` {error}", text)


def _check_deadline(profile: Profile, deadline: Deadline, place: Place, reader: TomlText) -> None:
    for field in ("document", "where"):
        if not getattr(deadline, field).strip():
            reader.fail((*place, field), "is empty")
    if profile.algorithms(deadline.section) is None:
        reader.fail((*place, "section"), f"the profile has no section [{deadline.section}]")
    if not deadline.kinds and not deadline.names:
        reader.fail((*place, "kinds"), "is empty, and so is `names`: the deadline is about nothing")
    if deadline.kinds and deadline.section not in ("kex", "host_key"):
        reader.fail((*place, "kinds"), "is for the sections kex and host_key: give `names`")
    if deadline.names:
        _check_names(deadline.names, (*place, "names"), reader)


def _check_algorithms(profile: Profile, category: AlgorithmType, reader: TomlText) -> None:
    rule = profile.algorithms(category)
    if rule is None:
        return
    place: Place = (category, "allowed")
    if rule.others != "allowed" or rule.allowed:
        _check_names(rule.allowed, place, reader)
    demands = bool(rule.allowed) or any(word in FORBIDDING_WORDS for word in rule.words.values())
    demands |= isinstance(rule, KexRule) and bool(rule.require)
    demands |= any(deadline.section == category for deadline in profile.deadline)
    demands |= isinstance(rule, HostKeyRule) and rule.min_bits != MinimumBits()
    demands |= isinstance(rule, HostKeyRule) and bool(rule.exact_bits.rsa)
    if not demands:
        reader.fail((category, "others"), "all is allowed and nothing forbidden: the section demands nothing")
    for name in rule.allowed:
        if is_marker(name):
            reader.fail(place, f"`{name}` is a marker and not an algorithm", name)
    allowed = {canonical(category, name) for name in rule.allowed}
    for name in rule.recommended:
        if canonical(category, name) not in allowed:
            reader.fail((category, "recommended"), f"`{name}` is not among `allowed`", name)
    for name in rule.dated:
        if is_marker(name):
            reader.fail((category, "dated"), f"`{name}` is a marker and not an algorithm", name)
        if canonical(category, name) in allowed | rule.forbidden(category):
            reader.fail((category, "dated"), f"`{name}` is allowed or forbidden elsewhere in the section", name)
    words: dict[str, str] = {}
    for name, word in rule.words.items():
        place = (category, "words", name)
        if word not in WORDS:
            reader.fail(place, f"`{word}` is not one of {', '.join(WORDS)}")
        same = canonical(category, name)
        if word in FORBIDDING_WORDS and same in allowed:
            reader.fail(place, f"`{word}`, but `{category}.allowed` has it")
        if words.setdefault(same, word) != word:
            reader.fail(place, f"`{word}`, but another name of the same algorithm has `{words[same]}`")
    named = {*rule.allowed, *rule.dated, *rule.words}
    for name in rule.places:
        if name not in named:
            reader.fail((category, "places", name), "is not among `allowed`, `dated` and `words`")


def _check_names(names: tuple[str, ...], place: Place, reader: TomlText) -> None:
    if not names:
        reader.fail(place, "is empty, which nothing could meet")
    seen: set[str] = set()
    for name in names:
        if not re.fullmatch(r"[!-+\--~]+", name):
            reader.fail(place, f"`{name}` is not a name: write printable ASCII without blank and comma", name)
        if name in seen:
            reader.fail(place, f"`{name}` is there twice", name)
        seen.add(name)
