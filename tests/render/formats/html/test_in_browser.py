"""The page in a real browser. `make browser` runs these tests and more (SSHPROBE_ALL_VIEWS=1)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sshprobe.model.records import HostRecord
from tests.render.formats.html.conftest import Open
from tests.render.formats.html.pages import fleet, made_hosts, page

pytestmark = pytest.mark.xdist_group("browser")

VIEWS = ("", "#hosts", "#findings", "#algorithms", "#keys", "#labels", "#fixes", "#deadlines", "#host/192.0.2.1%3A22")
EVERY_VIEW = os.environ.get("SSHPROBE_ALL_VIEWS") == "1"

MARKS = ("\u202e", "\u2066", "\u2069", "\u200f", "\x00", "\x1b", "\x85", "\u2028")
HOSTILE = (
    "<script>window.ran = 1</script></script><img src=x onerror='window.ran = 1'>\"'>&lt;`${window.ran = 1}`{{ 7 * 7 }}"
    "<!-- <style>body { display: none }</style>" + "".join(MARKS) + "\u05d0\u05d1\u05d2 123"
)


GO = """address => new Promise((done) => {
  if (location.hash === address) return done();
  addEventListener("hashchange", () => setTimeout(done), { once: true });
  location.hash = address;
})"""


@pytest.fixture(scope="module")
def content() -> bytes:
    return page(fleet())


def go_to(page: Page, address: str) -> None:
    """Follow a link of the page, and wait until it shows the view."""
    page.evaluate(GO, address)


def rows(page: Page) -> list[str]:
    return page.locator("main tbody tr:not(.space)").all_inner_texts()


def test_filters_sorting_and_links(open_page: Open, content: bytes) -> None:
    shown = open_page(content)
    expect(shown.locator("h1")).to_contain_text("do not comply with sshprobe-2026")
    shown.locator("a.bar-row", has_text="F").click()
    expect(shown.locator(".count")).to_have_text(re.compile(r"^\d of 18 hosts$"))
    assert all(row.startswith("F") for row in rows(shown))
    expect(shown.get_by_role("button", name="F", exact=True)).to_have_attribute("aria-pressed", "true")
    shown.get_by_role("button", name="F", exact=True).click()
    expect(shown.locator(".count")).to_have_text("18 hosts")

    host = shown.get_by_role("columnheader", name="Host")
    host.get_by_role("button").click()
    expect(host).to_have_attribute("aria-sort", "ascending")
    places = [re.search(r"192\.0\.2\.(\d+)", row) for row in rows(shown)]
    numbers = [int(place[1]) for place in places if place]
    assert numbers == sorted(numbers)
    assert len(numbers) == 18
    host.get_by_role("button").click()
    expect(host).to_have_attribute("aria-sort", "descending")
    assert shown.locator("[aria-sort]").count() == 1

    shown.get_by_label("Search").fill("openssh 9.9")
    expect(shown.locator("#live")).to_have_text("1 of 18 hosts")
    assert shown.url.endswith("#hosts?q=openssh+9.9")
    shown.locator("tbody a").click()
    expect(shown.locator("h1")).to_contain_text("192.0.2.")
    assert shown.evaluate("document.activeElement.tagName") == "H1"
    shown.go_back()
    expect(shown.locator(".count")).to_have_text("1 of 18 hosts")


def test_who_offers_an_algorithm(open_page: Open, content: bytes) -> None:
    shown = open_page(content, "#algorithms")
    shown.get_by_label("Search").fill("group1-sha1")
    shown.get_by_role("link", name="diffie-hellman-group1-sha1", exact=True).click()
    offering = sum("diffie-hellman-group1-sha1" in (host.kex_algorithms or ()) for host in fleet())
    expect(shown.locator(".count")).to_have_text(f"{offering} of 18 hosts")
    expect(shown.locator(".about")).to_contain_text("Logjam")
    shown.get_by_label("Remove the filter Algorithm").click()
    expect(shown.locator(".count")).to_have_text("18 hosts")


def test_each_row_says_what_is_true_of_its_hosts(open_page: Open, content: bytes) -> None:
    shown = open_page(content, "#findings")
    expected: Counter[str] = Counter()
    for host in fleet():
        for finding in host.verdicts[0].findings if host.verdicts else []:
            if finding.id == "group_exchange.modulus":
                expected[f"group exchange: {finding.message}"] += 1
    assert len(expected) > 1
    found = {}
    for row in shown.locator("tbody tr", has_text="group_exchange.modulus").all():
        _, words, _, number = row.locator("th, td").all_inner_texts()
        found[words] = int(number)
    assert found == expected
    words, hosts = expected.most_common()[-1]
    shown.get_by_role("link", name=words, exact=True).click()
    expect(shown.locator(".count")).to_have_text(f"{hosts} of 18 hosts")
    expect(shown.locator(".about")).to_contain_text(words)


def test_lines_to_paste_are_the_ones_of_the_host(open_page: Open, content: bytes) -> None:
    shown = open_page(content)
    number = shown.locator("a.tile[href='#fixes'] strong").inner_text()
    go_to(shown, "#fixes")
    expect(shown.locator(".count")).to_have_text(re.compile(rf"^\d+ groups, {number} with lines to paste$"))
    regions = shown.locator("details pre[aria-label='Lines to paste']")
    shown.evaluate("document.querySelectorAll('details.fix').forEach((card) => (card.open = true))")
    expect(regions).to_have_count(int(number))
    text = shown.locator("details[open] pre").first.inner_text()
    assert "Keep a session open until a new login has worked." in text
    shown.get_by_label("Profile").select_option("mozilla-modern")
    expect(shown.locator(".intro")).to_contain_text("mozilla-modern")
    go_to(shown, "#host/192.0.2.1%3A22")
    expect(shown.locator("section", has_text="What to change").first).to_contain_text("under mozilla-modern")


def test_deadlines_lead_to_the_hosts_that_still_offer_what_ends(open_page: Open, content: bytes) -> None:
    shown = open_page(content, "#deadlines")
    row = shown.locator("tbody tr", has_text="asd-ism").filter(has_text="2030-12-31").first
    hosts = row.locator(".hosts .share").inner_text()
    row.get_by_role("link", name="2030-12-31").click()
    expect(shown.locator(".count")).to_have_text(f"{hosts} of 18 hosts")
    expect(shown.locator(".filter-chip")).to_contain_text("2030-12-31, asd-ism")
    expect(shown.locator("main")).not_to_contain_text("undefined")


def test_hostile_text_neither_runs_nor_reorders(open_page: Open) -> None:
    shown = open_page(page([hostile(host) for host in fleet()[:6]]))
    views = VIEWS if EVERY_VIEW else ("", "#hosts", "#host/0~0", "#fixes")
    for view in views:
        go_to(shown, view)
        assert shown.evaluate("window.ran") is None
        assert shown.locator("main script, main img, main style").count() == 0
        text = shown.evaluate("document.body.textContent")
        assert not set(MARKS) & set(text)
    go_to(shown, "#hosts")
    expect(shown.locator("tbody .foreign").first).to_contain_text("<script>window.ran = 1</script>")
    # Each character of a text is to the right of the previous one, including Hebrew letters.
    lefts: list[list[float]] = shown.evaluate(
        """() => [...document.querySelectorAll("tbody .host .foreign")].slice(0, 4).map((node) => {
          const text = node.firstChild, range = document.createRange(), last = [...text.data].length;
          return [...Array(12).keys()].map((at) => {
            range.setStart(text, last - 12 + at); range.setEnd(text, last - 11 + at);
            return range.getBoundingClientRect().left;
          });
        })"""
    )
    assert lefts
    assert all(left == sorted(left) for left in lefts)


def hostile(host: HostRecord) -> HostRecord:
    """Return a host with hostile text wherever a record has text of a server or of a user."""
    closed = {
        "schema",
        "status",
        "stage",
        "depth",
        "started_at",
        "severity",
        "category",
        "grade",
        "profile_version",
        "until",
    }

    def spoiled(value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            return value if name in closed or value in ("host", "") else value + HOSTILE
        if isinstance(value, list):
            return [spoiled(each, name) for each in value]
        return {key: spoiled(each, key) for key, each in value.items()} if isinstance(value, dict) else value

    return msgspec.convert(spoiled(msgspec.to_builtins(host)), HostRecord)


def test_many_hosts_are_drawn_as_they_scroll(open_page: Open) -> None:
    shown = open_page(page(list(made_hosts(400))), "#hosts")
    table = shown.locator("main table")
    expect(table).to_have_attribute("aria-rowcount", "401")
    assert shown.locator("tbody tr:not(.space)").count() < 80
    first = shown.locator("tbody a").first
    first.focus()
    name = first.inner_text()
    shown.keyboard.press("ArrowDown")
    assert shown.evaluate("document.activeElement.closest('tr').ariaRowIndex") == "3"
    shown.keyboard.press("ArrowUp")
    shown.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(shown.locator("tr[aria-rowindex='401']")).to_be_visible()
    assert shown.locator("tbody tr:not(.space)").count() < 80
    assert shown.evaluate("document.activeElement.textContent") == name  # the row with the focus stays
    shown.emulate_media(media="print")
    assert shown.locator(".space:visible").count() == 0  # Chromium takes minutes to print a high space
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.locator("tbody tr:not(.space)").count() == 400


def test_a_narrow_page_shows_all_views_and_prints_all_columns(open_page: Open, content: bytes) -> None:
    shown = open_page(content, "#hosts", width=420)
    assert shown.evaluate(
        "[...document.querySelectorAll('#views a')].every((a) => a.getBoundingClientRect().right <= 420)"
    )
    shown.emulate_media(media="print")
    shown.set_viewport_size({"width": 718, "height": 1000})  # of A4, upright
    for name in ("Software", "Worst finding", "Findings", "Complies"):
        expect(shown.get_by_role("columnheader", name=name, exact=True)).to_be_visible()
    assert shown.evaluate(
        "[...document.querySelectorAll('td.worst')].every((cell) => cell.scrollWidth <= cell.clientWidth)"
    )


def test_no_barrier(open_page: Open, content: bytes) -> None:
    shown = open_page(content)
    light = VIEWS if EVERY_VIEW else ("", "#hosts")
    dark = VIEWS if EVERY_VIEW else ("#host/192.0.2.1%3A22",)
    assert barriers(shown, light) == {}
    shown.get_by_role("button", name="Dark colours").click()
    assert barriers(shown, dark) == {}


def barriers(page: Page, views: Sequence[str]) -> dict[str, Any]:
    """Return what axe-core finds in each view. Views without a violation are left out."""
    found = {}
    for view in views:
        go_to(page, view)
        violations = Axe().run(page).response["violations"]
        if violations:
            found[view] = violations
    return found


def test_theme_and_labels(open_page: Open, content: bytes) -> None:
    shown = open_page(content, "#labels")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.activeElement.id") == "main"
    assert shown.url.endswith("#labels")
    light = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    shown.get_by_role("button", name="Dark colours").click()
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert rows(shown)[0].startswith("(none)")
    shown.get_by_role("link", name="env=prod").click()
    expect(shown.locator(".count")).to_have_text("8 of 18 hosts")


def test_changes_and_trend(open_page: Open) -> None:
    weak = next(host for host in fleet() if host.host_keys)
    assert weak.host_keys
    other = msgspec.structs.replace(weak.host_keys[0], fingerprint="SHA256:" + "x" * 43)
    after = msgspec.structs.replace(weak, host_keys=[other, *weak.host_keys[1:]])
    shown = open_page(page([after, *fleet()[1:]], [weak, *fleet()[1:]]))
    expect(shown.get_by_role("img", name="Grades of 2 scans, from 2026-11-18 to 2026-11-19")).to_be_visible()
    shown.get_by_role("link", name="All changes").click()
    expect(shown.locator(".worse")).to_contain_text("SHA256:" + "x" * 43)
    assert not EVERY_VIEW or barriers(shown, ("#changes",)) == {}
    shown.locator(".worse a").click()
    expect(shown.locator("h1")).to_contain_text("192.0.2.")


def test_an_empty_report(open_page: Open) -> None:
    shown = open_page(page([]))
    expect(shown.locator("h1")).to_have_text("No host was graded.")
    for view in ("#hosts", "#findings", "#keys", "#host/192.0.2.1", "#nonsense"):
        go_to(shown, view)
    expect(shown.locator("h1")).to_have_text("No host was graded.")


def test_without_javascript_there_is_a_summary(open_page: Open, content: bytes) -> None:
    shown = open_page(content, script=False)
    expect(shown.locator("h1")).to_have_text("16 SSH servers found on 18 targets")
    text = shown.locator("main").inner_text()
    assert "This is a summary with the worst hosts. With JavaScript" in text
    assert "OpenSSH 5.3" in text


@pytest.mark.skipif(not EVERY_VIEW, reason="`make browser` looks at narrow screens too")
def test_no_barrier_on_a_narrow_screen(open_page: Open, content: bytes) -> None:
    shown = open_page(content, width=380)
    assert barriers(shown, VIEWS) == {}
    for view in VIEWS:
        go_to(shown, view)
        assert shown.evaluate("document.documentElement.scrollWidth") <= 380
