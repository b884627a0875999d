"""The bytes of the page: its policy, contents and size."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import msgspec

from sshprobe.render.formats.html.page import SCRIPTS
from tests.render.formats.html.pages import fleet, made_hosts, page


def data(content: bytes) -> Any:
    found = re.search(rb'<script type="application/gzip\+base64" id="data">([\w+/=]+)</script>', content)
    assert found
    return msgspec.json.decode(gzip.decompress(base64.b64decode(found[1])))


class Tags(HTMLParser):
    """Collects tags, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] and self.tags[-1][0] in ("script", "style") and data.strip():
            self.texts.append(data)


def test_the_policy_allows_one_script_and_one_style() -> None:
    found = Tags(page(fleet()).decode())
    policy = next(found["content"] for _, found in found.tags if found.get("http-equiv") == "Content-Security-Policy")
    style, _, script = found.texts
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not [attributes for tag, attributes in found.tags if {"src", "srcset", "style", "onclick"} & set(attributes)]
    assert {attributes["href"] for tag, attributes in found.tags if "href" in attributes} == {"#main"}


def test_no_key_and_no_modulus_is_in_the_page() -> None:
    blobs = [
        msgspec.structs.replace(key, blob="AAAAB3NzaC1yc2E" * 40) for host in fleet() for key in host.host_keys or ()
    ]
    host = msgspec.structs.replace(fleet()[0], host_keys=blobs[:2])
    text = str(data(page([host])))
    assert "AAAAB3NzaC1yc2E" not in text
    assert blobs[0].fingerprint in text


def test_10_000_hosts_fit_into_400_bytes_each() -> None:
    empty, full = len(page([])), len(page(list(made_hosts(10_000))))
    assert empty < 300_000
    assert full - empty < 400 * 10_000


def test_every_file_of_the_script_is_used() -> None:
    names = {each.name for each in files("sshprobe.render.formats.html").joinpath("script").iterdir()}
    assert names == {f"{name}.js" for name in SCRIPTS}
    for name in sorted(names):
        text = files("sshprobe.render.formats.html").joinpath("script", name).read_text("utf-8")
        assert "innerHTML" not in text
        assert "insertAdjacent" not in text
        assert "</script" not in text


def test_a_page_does_not_depend_on_the_order_of_its_hosts() -> None:
    hosts = list(made_hosts(40))
    one, other = (data(page(each))["tables"] for each in (hosts, hosts[::-1]))
    for field in ("place", "name", "seen"):
        assert one["hosts"][field] == other["hosts"][field]
    assert one["summary"] == other["summary"]


def test_an_empty_report() -> None:
    assert data(page([]))["tables"]["hosts"]["place"] == []
