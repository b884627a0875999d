"""A headless Chromium for the tests of the page: Debian's package, which `scripts/install-servers` installs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Chromium contacts nobody by itself, and runs as root."""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield one browser for the tests of a module. Playwright's loop runs until then, so no test there may be async."""
    program = shutil.which("chromium")
    if program is None:
        words = "chromium is not installed: scripts/install-servers"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Yield a function that opens a page. In the end no page may have met an error or asked for another file."""
    faults: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_(content: bytes, address: str = "", *, width: int = 1280, script: bool = True) -> Page:
        path = tmp_path / "report.html"
        path.write_bytes(content)
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="light",
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{path.as_uri()}{address}")
        if script:
            page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []
    assert {url.partition("#")[0] for url in requests} <= {(tmp_path / "report.html").as_uri()}
