"""`extends`: a company's profile as another one with changes. What may be changed is in `docs/profiles.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical
from sshprobe.profiles.model import FORBIDDING_WORDS, Profile

if TYPE_CHECKING:
    from sshprobe.profiles.text import TomlText

DEEPEST = 8
"""Profiles may extend each other so often."""

OWN = ("id", "title", "version", "date", "source")
"""What is never taken over: a profile with changes is another profile."""

ADDED = ("explained", "waiver")
"""Arrays of tables that add up, one's own first: so their numbers are those of one's own file."""


class _ListEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section that has no `allowed` and so edits that of the other profile."""

    where: str | None = None
    covers: tuple[str, ...] | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class _RecommendingEdit(_ListEdit, frozen=True, kw_only=True, forbid_unknown_fields=True):
    recommended: tuple[str, ...] | None = None


class _AlgorithmEdit(_RecommendingEdit, frozen=True, kw_only=True, forbid_unknown_fields=True):
    words: dict[str, str] = {}
    others: str | None = None
    dated: tuple[str, ...] | None = None


class _AuthenticationEdit(_RecommendingEdit, frozen=True, kw_only=True, forbid_unknown_fields=True):
    forbidden: tuple[str, ...] = ()
    require: tuple[str, ...] | None = None
    chain: str | None = None


class _KexEdit(_AlgorithmEdit, frozen=True, kw_only=True, forbid_unknown_fields=True):
    require: tuple[str, ...] | None = None


class _HostKeyEdit(_AlgorithmEdit, frozen=True, kw_only=True, forbid_unknown_fields=True):
    min_bits: dict[str, int | str] = {}
    advised_bits: dict[str, int | str] = {}
    exact_bits: dict[str, list[int] | str] | None = None


class _GroupExchangeEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    where: str | None = None
    covers: tuple[str, ...] | None = None
    min_bits: int | None = None
    advised_bits: int | None = None


class _BannerEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    where: str | None = None
    covers: tuple[str, ...] | None = None
    sent: bool | None = None
    file: str | None = None
    any_of: tuple[str, ...] | None = None
    without: tuple[str, ...] | None = None


_EDITS: dict[str, type[msgspec.Struct]] = {
    **dict.fromkeys(ALGORITHM_TYPES, _AlgorithmEdit),
    "kex": _KexEdit,
    "host_key": _HostKeyEdit,
    "protocol": _ListEdit,
    "authentication": _AuthenticationEdit,
    "group_exchange": _GroupExchangeEdit,
    "banner": _BannerEdit,
}
"""Sections that can be changed without being written anew; `user_key` is one list, and is replaced whole."""


def extended(base: Profile, own: dict[str, Any], reader: TomlText) -> dict[str, Any]:
    """Return the document of `base` with the changes of the document `own`.

    Raises `InputError` for a change that changes nothing, or that is none.
    """
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
    # What the other left out and this one checks is explained no more.
    checked = {number for name in _EDITS if isinstance(own.get(name), dict) for number in own[name].get("covers", ())}
    document["explained"] = [item for item in document.get("explained", ()) if item.get("id") not in checked]
    return document


def _edited(
    section: str, old: dict[str, Any], value: dict[str, Any], base: Profile, own: dict[str, Any], reader: TomlText
) -> dict[str, Any]:
    try:
        edit: Any = msgspec.convert(value, _EDITS[section])
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        reader.fail_as(f"{message} - at `$.{section}{path.strip('`').removeprefix('$')}`")
    new = dict(old)
    # What was changed is no longer what the other document says there.
    new["where"] = edit.where or f"{old['where']}; changed by {own.get('id', 'this profile')}"
    if edit.covers is not None:
        new["covers"] = list(edit.covers)
    if section in ("group_exchange", "banner"):
        fields = ("min_bits", "advised_bits", "sent", "file", "any_of", "without")
        given = {field: getattr(edit, field, None) for field in fields}
        return {**new, **{field: value for field, value in given.items() if value is not None}}
    for field in ("recommended", "require", "dated"):
        if getattr(edit, field, None) is not None:
            new[field] = list(getattr(edit, field))
    if getattr(edit, "chain", None) is not None:
        new["chain"] = edit.chain
    if getattr(edit, "others", None) is not None:
        new["others"] = edit.others
    if section in ALGORITHM_TYPES:
        _edit_algorithms(section, new, edit, base, reader)
    else:
        _edit_names(section, new, edit, base, reader)
    if section == "host_key":
        for field in ("min_bits", "advised_bits"):
            change = getattr(edit, field)
            new[field] = {name: size for name, size in {**old[field], **change}.items() if size is not None}
            if change and "where" not in change:
                new[field].pop("where", None)
        if edit.exact_bits is not None:
            new["exact_bits"] = edit.exact_bits
    return new


def _edit_names(section: str, new: dict[str, Any], edit: Any, base: Profile, reader: TomlText) -> None:
    if section == "authentication" and not new["allowed"]:
        if edit.add or edit.remove:
            field = "add" if edit.add else "remove"
            reader.fail(
                (section, field), f"{base.id} has no list of methods: give `forbidden`, which is added to its own"
            )
        new["forbidden"] = list(dict.fromkeys((*new["forbidden"], *edit.forbidden)))
        return
    if getattr(edit, "forbidden", ()):
        reader.fail((section, "forbidden"), f"{base.id} has a list of methods: `remove` what is not to pass")
    for name in edit.remove:
        if name not in new["allowed"]:
            reader.fail((section, "remove"), f"{base.id} does not allow `{name}`", name)
    for name in edit.add:
        if name in new["allowed"]:
            reader.fail((section, "add"), f"{base.id} allows `{name}` already", name)
    new["allowed"] = [name for name in new["allowed"] if name not in edit.remove] + list(edit.add)
    for field in ("recommended", "require"):
        if field in new:
            new[field] = [name for name in new[field] if name not in edit.remove]


def _edit_algorithms(section: AlgorithmType, new: dict[str, Any], edit: Any, base: Profile, reader: TomlText) -> None:
    def same(name: str) -> str:
        return canonical(section, name)

    own_words = {same(name): word for name, word in edit.words.items()}
    words = {name: word for name, word in new["words"].items() if same(name) not in own_words}
    allowed = {same(name) for name in new["allowed"]}
    allowed_by_word = {same(name) for name, word in words.items() if word not in FORBIDDING_WORDS}
    forbidden = {same(name): word for name, word in words.items() if word in FORBIDDING_WORDS}
    for name in edit.add:
        if same(name) in allowed:
            reader.fail((section, "add"), f"{base.id} allows `{name}` already", name)
        if same(name) in forbidden:
            word = forbidden[same(name)]
            reader.fail((section, "add"), f"`{name}` is {word} in {base.id}: give it a word of yours as well", name)
    for name in edit.remove:
        if same(name) not in allowed | allowed_by_word | {same(name) for name in new["dated"]}:
            reader.fail((section, "remove"), f"{base.id} does not allow `{name}`", name)
    # Only left out, one that is no weaker than the rest would still pass as "stronger".
    gone = {same(name) for name in edit.remove}
    words = {name: word for name, word in words.items() if same(name) not in gone}
    words.update({name: "MUST NOT" for name in edit.remove if same(name) not in own_words})
    gone |= {name for name, word in own_words.items() if word in FORBIDDING_WORDS}
    new["words"] = {**words, **edit.words}
    changed = {*gone, *own_words}
    new["places"] = {name: place for name, place in new["places"].items() if same(name) not in changed}
    for field in ("allowed", "recommended"):
        new[field] = [name for name in new[field] if same(name) not in gone]
    if edit.dated is None:
        added = {same(name) for name in edit.add}
        new["dated"] = [name for name in new["dated"] if same(name) not in gone | added]
    new["allowed"] += edit.add
    left = {*new["allowed"], *new["dated"], *new["words"]}
    new["places"] = {name: place for name, place in new["places"].items() if name in left}
