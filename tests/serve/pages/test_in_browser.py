"""The dashboard in a real browser, over a real server. `make browser` looks at every page (SSHPROBE_ALL_VIEWS=1)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from sshprobe.serve.pages.rendering import VIEWS
from tests.render.formats.html.conftest import browser as browser  # a fixture
from tests.render.formats.html.pages import fleet
from tests.render.formats.html.test_in_browser import EVERY_VIEW, MARKS, hostile
from tests.serve.asking import history

pytestmark = pytest.mark.xdist_group("browser")

PATHS = [
    *(path for path, _ in VIEWS),
    "/changes",
    "/hosts/192.0.2.1:22",
    "/algorithms/aes128-ctr",
    "/findings/mac.weak",
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `sshprobe serve` over two scans; hosts of the second have hostile texts."""
    path = tmp_path_factory.mktemp("dashboard") / "history.db"
    first, second, *others = fleet()
    spoiled = msgspec.structs.replace(hostile(second), host="192.0.2.2", target="192.0.2.2", address="192.0.2.2")
    with closing(history(path, fleet(), [first, spoiled, *others])):
        pass
    with subprocess.Popen(
        [sys.executable, "-m", "sshprobe", "serve", "--history", str(path), "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        yield next(line.split()[-1] for line in server.stderr if line.startswith("Listening"))
        server.terminate()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page. In the end no request may have gone elsewhere, and no error may have been reported."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text))
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    assert faults == []


def test_a_filter_is_sent_when_it_is_chosen(page: Page, url: str) -> None:
    page.goto(f"{url}/hosts")
    page.get_by_label("Grade").select_option("F")
    expect(page.locator(".count")).to_contain_text("of 18 hosts")
    assert "grade=F" in page.url
    assert set(page.locator("tbody .grade").all_inner_texts()) == {"F"}
    page.get_by_role("link", name="Remove all filters").click()
    expect(page.locator(".count")).to_have_text("18 of 18 hosts")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_a_host_is_compared_with_itself_earlier(page: Page, url: str) -> None:
    page.goto(f"{url}/hosts/192.0.2.2:22")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#difference h2")).to_have_text("From 2026-11-01 12:00 UTC to 2026-11-02 12:00 UTC")


def test_texts_of_servers_neither_run_nor_reorder(page: Page, url: str) -> None:
    for path in ("/", "/hosts", "/hosts/192.0.2.2:22", "/algorithms", "/changes"):
        page.goto(url + path)
        assert page.evaluate("window.ran") is None
        assert page.locator("main script, main img, main style").count() == 0
        assert not set(MARKS) & set(page.evaluate("document.body.textContent"))


def test_pages_work_without_javascript(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(f"{url}/hosts")
    shown.get_by_label("Complies").select_option("true")
    shown.get_by_role("button", name="Show").click()
    expect(shown.locator(".count")).to_have_text("0 of 18 hosts")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier(browser: Browser, url: str, scheme: str) -> None:
    paths = PATHS if EVERY_VIEW else ("/", "/hosts/192.0.2.1:22") if scheme == "light" else ("/hosts",)
    for width in (1280, 400) if EVERY_VIEW else (1280,):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type] # one of the two
        shown = context.new_page()
        for path in paths:
            shown.goto(url + path)
            assert Axe().run(shown).response["violations"] == [], path
            assert shown.evaluate("document.documentElement.scrollWidth") <= width, path
        context.close()


def test_the_page_asks_nobody_else(page: Page, url: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    assert asked
    assert all(each.startswith(url) for each in asked)
