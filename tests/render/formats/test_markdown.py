"""`--format markdown`, read by markdown-it-py."""

from __future__ import annotations

import msgspec
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sshprobe.render.text.markdown import code, sentence
from tests.render.writing import HOSTILE, hostile_header, hostile_host, report_of
from tests.sample_records import CLEAN, WANTING, captured, debian12, failed, finding, judged

MARKUP = {"html_block", "html_inline", "link_open", "image", "em_open"}


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of all tables, their headers first. There is no link, picture or HTML."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        children = token.children or []
        assert not {each.type for each in (token, *children)} & {
            "html_block",
            "html_inline",
            "link_open",
            "image",
            "em_open",
        }
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 3:
            found[-1][-1].append(_text(children))
    return found


def _text(children: list[Token]) -> str:
    return "".join(each.content for each in children)


def test_the_fleet_the_worst_hosts_and_the_findings() -> None:
    shared = finding("host_key.shared", "medium", "ssh-rsa", "on 2 machines")
    good = msgspec.structs.replace(judged(captured("openssh-9.9p2"), CLEAN), fleet_findings=[shared])
    text = report_of("markdown", [good, debian12(), failed("timeout", "no answer")]).decode()
    fleet, worst, findings, failures = tables(text)
    assert fleet[1] == ["mozilla-modern", "1", "1", "0", "1", "0", "0", "1", "0", "0"]
    assert [row[:4] for row in worst[1:]] == [
        ["web1.example.org:22", "C", "61", "not compliant"],
        ["192.0.2.1:22", "A+", "100", "compliant"],
    ]
    assert ["hmac-sha1", "1"] in findings
    assert ["shared host keys", "1"] in findings
    assert failures[1:] == [["timeout", "1"]]
    assert "3 hosts, 2 sent an SSH identification." in text
    assert tables(report_of("markdown", []).decode()) == []


def test_only_the_worst_hosts_have_rows_and_the_others_are_counted() -> None:
    hosts = [msgspec.structs.replace(debian12(), host=f"10.0.0.{number}") for number in range(120)]
    text = report_of("markdown", hosts).decode()
    assert len(tables(text)[1]) == 21
    assert "100 hosts more with a verdict, none of them worse." in text


@pytest.mark.parametrize("text", [HOSTILE, "![x](http://a/b)", "<img src=x>", "a|b`c``d", "*a* _b_ www.a.b @team", "`"])
def test_text_of_a_server_is_not_markup(text: str) -> None:
    bad = msgspec.structs.replace(WANTING.findings[0], algorithm=text, message=text)
    host = judged(hostile_host(), msgspec.structs.replace(WANTING, findings=[bad]))
    host = msgspec.structs.replace(host, target=text, identification=debian12().identification)
    page = report_of("markdown", [host], hostile_header()).decode()
    assert page.replace("\n", "").isprintable()
    assert [len(row) for row in tables(page)[1]] == [6, 6]
    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"x {sentence(text)}")
    assert "<a" not in html
    assert "<img" not in html
    assert MarkdownIt("commonmark").render(code(text)).count("<code>") == 1
