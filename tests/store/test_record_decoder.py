"""A line is decoded as if it were the only one, whatever lines were decoded before."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sshprobe.model.records import HostRecord, Record
from sshprobe.store import record_decoder
from sshprobe.store.record_decoder import RecordDecoder
from tests.sample_records import captured

RECORD = captured("openssh-debian12-9.2p1")
LINE = RECORD.to_json().encode() + b"\n"
FIELDS = json.loads(LINE)
OTHER = json.loads(captured("tinysshd-20250501").to_json())


def outcome(decode: Any, line: bytes) -> object:
    try:
        return decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        return str(error)


def assert_same(*lines: bytes) -> None:
    decode = RecordDecoder().decode
    for line in (LINE, *lines, *lines, LINE):
        assert outcome(decode, line) == outcome(msgspec.json.Decoder(Record).decode, line)


MORE = [
    '"host":"again.example",',
    '"connections":7,',
    '"depth":"keys",',
    '"later":{"connections":2},',
    '"type":"sweep",',
    '"type":"host",',
]
ODD = st.sampled_from(['","connections":1', "\\", '"', "ü", "\u2028", "", "x" * 3000]) | st.text(max_size=5)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), ODD, st.lists(ODD, max_size=2), st.just({"connections": 1}))


@settings(max_examples=150, deadline=None)
@given(
    changes=st.dictionaries(st.sampled_from([*FIELDS, "later", "connections"]), VALUES, max_size=3),
    swapped=st.sets(st.sampled_from(sorted(FIELDS)), max_size=3),
    left_out=st.sets(st.sampled_from(sorted(FIELDS)), max_size=2),
    order=st.none() | st.permutations(list(FIELDS)),
    indent=st.sampled_from([None, (", ", ": ")]),
    more=st.sampled_from(["", *MORE]),
    behind=st.booleans(),
    cut=st.sampled_from([0, 1, 2, 30]),
)
@example({}, set(), {"depth"}, None, None, '"depth":"keys",', True, 0)
@example({}, set(), set(), None, None, '"host":"again.example",', True, 0)
@example({}, set(), {"type"}, None, None, "", False, 0)
@example({}, set(), set(), None, None, '"type":"sweep",', True, 0)
@example({"host": "other.example"}, set(), set(), None, None, "", False, 0)
def test_a_line_is_decoded_as_if_it_were_alone(
    changes: dict[str, Any],
    swapped: set[str],
    left_out: set[str],
    order: list[str] | None,
    indent: tuple[str, str] | None,
    more: str,
    behind: bool,
    cut: int,
) -> None:
    fields = {name: FIELDS[name] for name in order or FIELDS if name not in left_out}
    fields |= {name: OTHER[name] for name in swapped if name in fields} | changes
    text = json.dumps(fields, separators=indent or (",", ":"), ensure_ascii=bool(cut))
    if more:
        text = text[:-1] + "," + more[:-1] + "}" if behind else "{" + more + text[1:]
    line = text.encode("utf-8", "surrogatepass")
    assert_same(line[: len(line) - cut] + b"\n")


def test_similar_hosts_share_decoded_data() -> None:
    decoder = RecordDecoder()
    first = decoder.decode(LINE)
    other = msgspec.structs.replace(RECORD, host="192.0.2.9", started_at="2026-11-21T12:00:00Z", error="x")
    second = decoder.decode(other.to_json().encode() + b"\n")
    assert isinstance(first, HostRecord)
    assert second == other
    assert isinstance(second, HostRecord)
    assert second.kex_algorithms is first.kex_algorithms


def test_own_fields_are_all_before_the_shared_ones() -> None:
    """The encoder writes fields in this order."""
    names = HostRecord.__struct_fields__
    assert set(names[: names.index("connections")]) == set(record_decoder._OWN)
    hints = {each.name: each.type for each in msgspec.inspect.type_info(HostRecord).fields}  # type: ignore[attr-defined] # the type is a struct
    own = {each.name: each.type for each in msgspec.inspect.type_info(record_decoder._OwnFields).fields}  # type: ignore[attr-defined] # the type is a struct
    assert own == {name: hints[name] for name in own}
