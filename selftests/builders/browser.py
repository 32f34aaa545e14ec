"""A real browser for the self-tests: the system's chromium, driven over playwright, that may ask nobody for anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

PATIENCE = 90_000
"""Milliseconds: machines that test much else at once are slow, and only what is broken waits as long."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """The path of a chromium of the system; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Seen:
    """What a page did besides showing itself."""

    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether it did nothing at all: no word on the console, no request, no dialog."""
        return not (self.console or self.errors or self.requests or self.dialogs)


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser process, as long as the block runs."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), timeout=PATIENCE)
        yield browser
        browser.close()


def open_page(browser: Browser, file: Path, fragment: str = "", **how: Any) -> tuple[Page, Seen]:
    """`file` in a fresh profile (`how`: width, colours ...), and what it does besides."""
    page = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | how)).new_page()
    page.set_default_timeout(PATIENCE)
    seen = Seen()
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: _note(seen, file, request.url))

    def refuse(dialog: Any) -> None:
        seen.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    page.goto(f"{file.as_uri()}{fragment}", wait_until="load")
    return page, seen


def _note(seen: Seen, file: Path, url: str) -> None:
    if url.partition("#")[0].partition("?")[0] != file.as_uri():
        seen.requests.append(url[:200])
