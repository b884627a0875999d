"""`extends`: a profile that is another one with changes. `docs/profiles.md` lists the possible changes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical
from sshprobe.profiles.model import Profile
from sshprobe.profiles.sections import FORBIDDING_WORDS

if TYPE_CHECKING:
    from sshprobe.profiles.toml_files import TomlText

DEEPEST = 8
"""Limit for a chain of profiles that extend each other."""

OWN = ("id", "title", "version", "date", "source")
"""Fields that are never inherited: a profile with changes is another profile."""

ADDED = ("explained", "waiver", "deadline")
"""Arrays of tables that add up. The profile's own come first, so that their numbers fit its file."""


_NAMES = ("add", "remove")
_LISTS = (*_NAMES, "recommended", "words", "others", "dated")
_EDITS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(ALGORITHM_TYPES, _LISTS),
    "kex": (*_LISTS, "require"),
    "host_key": (*_LISTS, "min_bits", "advised_bits", "exact_bits"),
    "protocol": _NAMES,
    "authentication": (*_NAMES, "recommended", "forbidden", "require", "chain"),
    "group_exchange": ("min_bits", "advised_bits"),
    "banner": ("sent", "file", "any_of", "without"),
}
"""Section to the fields, besides `where` and `covers`, that change it. `user_key` is one list and is replaced whole."""

_TYPES: dict[str, Any] = {
    "words": dict[str, str],
    "others": str,
    "chain": str,
    "sent": bool,
    "file": str,
    "exact_bits": dict[str, list[int] | str],
}
"""Types of these fields. The others are lists of names, or sizes in bits."""


@cache
def _edit_type(section: str) -> type[msgspec.Struct]:
    """Return the type of a section without `allowed`, which changes the section of the other profile."""

    def type_of(field: str) -> Any:
        if field.endswith("_bits") and field != "exact_bits":
            return int if section == "group_exchange" else dict[str, int | str]
        return _TYPES.get(field, tuple[str, ...])

    fields = [(field, type_of(field) | None, None) for field in ("covers", *_EDITS[section])]
    return msgspec.defstruct("Edit", [("where", str | None, None), *fields], kw_only=True, forbid_unknown_fields=True)


def extended(base: Profile, own: dict[str, Any], reader: TomlText) -> dict[str, Any]:
    """Return the document of `base` with the changes of the document `own`. Raises `InputError` for a wrong change."""
    document: dict[str, Any] = {
        name: value
        for name, value in msgspec.to_builtins(base).items()
        if name not in OWN and name != "extends" and value is not None
    }
    document["extends"] = [f"{base.id} {base.version}", *base.extends]
    for name, value in own.items():
        if name == "extends":
            continue
        if name in ADDED and isinstance(value, list):
            document[name] = [*value, *document.get(name, ())]
        elif name in _EDITS and isinstance(value, dict) and "allowed" not in value and name in document:
            document[name] = _edited(name, document[name], value, base, own, reader)
        elif name in _EDITS and isinstance(value, dict) and value.keys() & {"add", "remove"} and "allowed" not in value:
            reader.fail((name,), f"{base.id} has no such section to change: give it `where` and `allowed`")
        else:
            document[name] = value
    # A recommendation that this profile checks needs no explanation any more.
    checked = {number for name in _EDITS if isinstance(own.get(name), dict) for number in own[name].get("covers", ())}
    document["explained"] = [item for item in document.get("explained", ()) if item.get("id") not in checked]
    return document


def _edited(
    section: str, old: dict[str, Any], value: dict[str, Any], base: Profile, own: dict[str, Any], reader: TomlText
) -> dict[str, Any]:
    try:
        edit: Any = msgspec.convert(value, _edit_type(section))
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        reader.fail_as(f"{message} - at `$.{section}{path.strip('`').removeprefix('$')}`")
    new = dict(old)
    # The other document does not say this any more.
    new["where"] = edit.where or f"{old['where']}; changed by {own.get('id', 'this profile')}"
    if edit.covers is not None:
        new["covers"] = list(edit.covers)
    given = {field: found for field in _EDITS[section] if (found := getattr(edit, field)) is not None}
    if section in ("group_exchange", "banner"):
        return {**new, **given}
    replaced = ("recommended", "require", "dated", "chain", "others", "exact_bits")
    new |= {
        field: list(found) if isinstance(found, tuple) else found for field, found in given.items() if field in replaced
    }
    if section in ALGORITHM_TYPES:
        _edit_algorithms(section, new, edit, base, reader)
    else:
        _edit_names(section, new, edit, base, reader)
    if section == "host_key":
        for field in ("min_bits", "advised_bits"):
            change = given.get(field, {})
            new[field] = {name: size for name, size in {**old[field], **change}.items() if size is not None}
            if change and "where" not in change:
                new[field].pop("where", None)
    return new


def _edit_names(section: str, new: dict[str, Any], edit: Any, base: Profile, reader: TomlText) -> None:
    add, remove = edit.add or (), edit.remove or ()
    if section == "authentication" and not new["allowed"]:
        if add or remove:
            field = "add" if add else "remove"
            reader.fail(
                (section, field), f"{base.id} has no list of methods: give `forbidden`, which is added to its own"
            )
        new["forbidden"] = list(dict.fromkeys((*new["forbidden"], *(edit.forbidden or ()))))
        return
    if getattr(edit, "forbidden", None):
        reader.fail((section, "forbidden"), f"{base.id} has a list of methods: `remove` what is not to pass")
    for name in remove:
        if name not in new["allowed"]:
            reader.fail((section, "remove"), f"{base.id} does not allow `{name}`", name)
    for name in add:
        if name in new["allowed"]:
            reader.fail((section, "add"), f"{base.id} allows `{name}` already", name)
    new["allowed"] = [name for name in new["allowed"] if name not in remove] + list(add)
    for field in ("recommended", "require"):
        if field in new:
            new[field] = [name for name in new[field] if name not in remove]


def _edit_algorithms(section: AlgorithmType, new: dict[str, Any], edit: Any, base: Profile, reader: TomlText) -> None:
    def same(name: str) -> str:
        return canonical(section, name)

    add, remove, edited = edit.add or (), edit.remove or (), edit.words or {}
    own_words = {same(name): word for name, word in edited.items()}
    words = {name: word for name, word in new["words"].items() if same(name) not in own_words}
    allowed = {same(name) for name in new["allowed"]}
    allowed_by_word = {same(name) for name, word in words.items() if word not in FORBIDDING_WORDS}
    forbidden = {same(name): word for name, word in words.items() if word in FORBIDDING_WORDS}
    for name in add:
        if same(name) in allowed:
            reader.fail((section, "add"), f"{base.id} allows `{name}` already", name)
        if same(name) in forbidden:
            word = forbidden[same(name)]
            reader.fail((section, "add"), f"`{name}` is {word} in {base.id}: give it a word of yours as well", name)
    for name in remove:
        if same(name) not in allowed | allowed_by_word | {same(name) for name in new["dated"]}:
            reader.fail((section, "remove"), f"{base.id} does not allow `{name}`", name)
    # Without a word, a name that is as strong as the others would still pass as "stronger".
    gone = {same(name) for name in remove}
    words = {name: word for name, word in words.items() if same(name) not in gone}
    words.update({name: "MUST NOT" for name in remove if same(name) not in own_words})
    gone |= {name for name, word in own_words.items() if word in FORBIDDING_WORDS}
    new["words"] = {**words, **edited}
    changed = {*gone, *own_words}
    new["places"] = {name: place for name, place in new["places"].items() if same(name) not in changed}
    for field in ("allowed", "recommended"):
        new[field] = [name for name in new[field] if same(name) not in gone]
    if edit.dated is None:
        added = {same(name) for name in add}
        new["dated"] = [name for name in new["dated"] if same(name) not in gone | added]
    new["allowed"] += add
    left = {*new["allowed"], *new["dated"], *new["words"]}
    new["places"] = {name: place for name, place in new["places"].items() if name in left}
