"""The table and the Markdown of changes: data of hostile servers stays text, and the most serious change comes
first."""

from __future__ import annotations

import re

import msgspec
import pytest

from sshprobe.render.changes import FORMATS, render
from sshprobe.render.changes.markdown import code
from sshprobe.render.changes.words import short_host
from sshprobe.render.text.terminal import Terminal
from tests.views.changed_scans import OTHER, PLAIN, STEADY, WEAK, compare, key, keys, with_verdict
from tests.views.test_changes import FACTS, PRESENCE, VERDICTS

SCREEN = Terminal(width=80, cuts=True)
HOSTILE = "x\x1b[2J`](http://evil.example)|<b>\u202e\n# a"


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("format_", FORMATS)
def test_data_of_a_server_has_no_effect(format_: str, verbose: bool) -> None:
    said = PLAIN.identification
    assert said is not None
    evil = msgspec.structs.replace(
        PLAIN,
        identification=msgspec.structs.replace(said, software=HOSTILE, comments=HOSTILE),
        kex_algorithms=[HOSTILE],
        authentication_banner=HOSTILE,
        lines_before_identification=[HOSTILE],
        host_keys=[key(HOSTILE, HOSTILE)],
        server_host_key_algorithms=[HOSTILE],
        extensions={HOSTILE: HOSTILE},
    )
    text = render(compare([PLAIN], [evil]), format_, SCREEN, verbose=verbose)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if format_ == "markdown":
        outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
        assert "evil" not in outside
        assert not re.search("^# a", text, re.MULTILINE)


@pytest.mark.parametrize("name", [*FACTS, *VERDICTS])
def test_each_change_has_its_words_and_fits_a_screen(name: str) -> None:
    before, after, expected = (FACTS.get(name) or VERDICTS[name])[:3]
    changes = compare([before, OTHER], [after, OTHER])
    text = render(changes, "table", SCREEN, verbose=False)
    assert max(map(len, text.splitlines())) <= 80
    assert ("\n\n" in text.split("unchanged.")[1]) == bool(expected)
    assert ("Nothing got worse" in text) == (not changes.worse)
    assert ("in what both scans saw" in text) == (bool(changes.not_compared) and not changes.worse)
    assert render(changes, "markdown", SCREEN, verbose=True).startswith("# What changed\n\n**")


@pytest.mark.parametrize("name", PRESENCE)
def test_hosts_have_their_words(name: str) -> None:
    scans, expected = PRESENCE[name]
    text = render(compare(*scans), "table", SCREEN, verbose=False)
    assert ("HOSTS" in text or "NOT SEEN" in text) == bool(expected)


@pytest.mark.parametrize("name", ["a silent host", "silent for three scans"])
@pytest.mark.parametrize("format_", ["table", "markdown"])
def test_a_missing_host_was_last_seen_then(name: str, format_: str) -> None:
    text = render(compare(*PRESENCE[name][0]), format_, SCREEN, verbose=False)
    (line,) = [line for line in text.splitlines() if "timeout" in line]
    assert ", last seen " in line
    assert "since" not in line


def test_the_whole_table() -> None:
    old = [with_verdict("A"), OTHER]
    new = [with_verdict("C", msgspec.structs.replace(PLAIN, host_keys=keys("new", types=["ssh-rsa"])), findings=[WEAK])]
    assert render(compare(old, old, [*new, OTHER]), "table", SCREEN, verbose=False) == (
        "old  0.jsonl  2026-11-01 12:00 UTC  2 hosts  2 answered\n"
        "new  2.jsonl  2026-11-03 12:00 UTC  2 hosts  2 answered\n"
        "\n"
        "Worse on 1 host: 1 host key changed, 1 grade fell, 1 new finding of medium or\n"
        "above.\n"
        "2 hosts compared, 1 unchanged.\n"
        "\n"
        "HOST KEYS CHANGED\n"
        "  192.0.2.1  ssh-rsa, since 2026-11-03 12:00 UTC\n"
        "      was  SHA256:yu58nbSiwvEgUVyJOoVr2H9OPFqbEZ6IHHoDGa2vDXI\n"
        "      now  SHA256:new\n"
        "\n"
        "GRADES FELL\n"
        "  192.0.2.1  A to C, since 2026-11-03 12:00 UTC\n"
        "\n"
        "NEW FINDINGS\n"
        "  192.0.2.1  medium  hmac-sha1 (mac.weak), since 2026-11-03 12:00 UTC\n"
        "      SHA-1\n"
    )


def test_two_scans_in_a_minute_differ_by_their_seconds() -> None:
    headers = [{"started_at": f"2026-11-01T12:00:{second:02}Z"} for second in (5, 40)]
    changes = compare([PLAIN], [PLAIN], headers=headers)
    for format_ in ("table", "markdown"):
        text = render(changes, format_, SCREEN, verbose=False)
        assert "12:00:05 UTC" in text
        assert "12:00:40 UTC" in text


def test_two_scans_without_a_common_host() -> None:
    text = render(compare([PLAIN], [STEADY]), "table", SCREEN, verbose=False)
    assert "No host answered in both scans." in text
    weak = render(compare([OTHER], [OTHER, with_verdict("C", findings=[WEAK])]), "table", SCREEN, verbose=False)
    assert "Worse on 1 host: 1 new host with findings of medium or above." in weak


def test_many_hosts_are_one_row() -> None:
    hosts = [msgspec.structs.replace(PLAIN, host=f"192.0.2.{number}") for number in range(10, 40)]
    update = [msgspec.structs.replace(each, kex_algorithms=["curve25519-sha256"]) for each in hosts]
    changes = compare(hosts, update)
    assert "30 hosts: 192.0.2.10, 192.0.2.11, 192.0.2.12, 192.0.2.13 and 26 more" in render(
        changes, "table", SCREEN, verbose=False
    )
    assert "192.0.2.39" in render(changes, "table", SCREEN, verbose=True)


@pytest.mark.parametrize(
    ("text", "span"), [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("", "` `"), ("``x", "``` ``x ```")]
)
def test_code_spans(text: str, span: str) -> None:
    assert code(text) == span


@pytest.mark.parametrize(
    ("host", "short"),
    [
        ("192.0.2.1:22", "192.0.2.1"),
        ("192.0.2.1:2222", "192.0.2.1:2222"),
        ("[2001:db8::22]:22", "2001:db8::22"),
        ("[2001:db8::22]:2200", "[2001:db8::22]:2200"),
        ("web1:22 (192.0.2.2)", "web1 (192.0.2.2)"),
        ("2001:db8::22", "2001:db8::22"),
    ],
)
def test_a_host_without_the_usual_port(host: str, short: str) -> None:
    assert short_host(host) == short


@pytest.mark.parametrize("format_", FORMATS)
def test_a_fall_that_was_seen_before_has_a_remark(format_: str) -> None:
    good, bad = with_verdict("A"), with_verdict("C", findings=[WEAK])
    text = render(compare(*([good], [bad]) * 4, old=6), format_, SCREEN, verbose=False)
    if format_ == "json":
        assert text.count('"2026-11-06T12:00:00.000Z"') == 2  # of the grade and of the finding
    else:
        assert "Worse on 1 host: 1 grade fell, 1 new finding of medium or" in text
        assert " ".join(text.split()).count("answers alternate: seen before on 2026-11-02 12:00 UTC, 2026-11-04") == 2
        assert "load balancer" not in text.lower()
