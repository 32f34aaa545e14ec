"""Opens the page of a thousand machines in a real browser, beside what stock pytest-html makes of the same results.

`python -m selftests.bench.report` needs a chromium, no root and no network; 1 when a target is missed, 2 without chromium.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from backup_compliance.facts import save_facts
from selftests.browser import chromium, find_chromium
from selftests.fleet import VMS, fleet
from selftests.product import ROOT

COPIES: Final = 42
BYTES: Final = 6_000_000
SECONDS: Final = 2.0
GAIN: Final = 10.0
RUNS: Final = 5
PATIENCE: Final = 600_000
"""Milliseconds that the stock report may take."""

# What a suite without a report of its own would have: the same outcomes and messages, a test each.
STOCK: Final = """
import json, pathlib, pytest
FINDINGS = json.loads((pathlib.Path(__file__).parent / "findings.json").read_text())
@pytest.mark.parametrize("outcome, message", [f[1:] for f in FINDINGS], ids=[f[0] for f in FINDINGS])
def test_control(outcome, message):
    if outcome == "not_applicable":
        pytest.skip(message)
    if outcome in ("advisory", "exempt"):
        pytest.xfail(message)
    if outcome != "compliant":
        pytest.fail(message, pytrace=False)
"""


@dataclass(frozen=True)
class Opened:
    """Seconds until the load event, and from then until the first filter shows; size and elements of the page."""

    load: float
    filtered: float
    size: int
    elements: int

    @property
    def usable(self) -> float:
        """Until somebody has what he looks for."""
        return self.load + self.filtered


def write_reports(folder: Path) -> tuple[Path, Path, int]:
    """Our page and the stock one of one run's results, and how many findings they hold."""
    save_facts(fleet(COPIES), folder / "facts")
    _pytest(ROOT, "-q", f"--facts={folder / 'facts'}", f"--report-dir={folder / 'ours'}")
    findings = json.loads((folder / "ours/compliance.json").read_bytes())["findings"]
    plain = [
        (f"{f['control']}-{f['resource'].rpartition('/')[2]}-{n}", f["outcome"], f["message"])
        for n, f in enumerate(findings)
    ]
    stock = folder / "stock"
    stock.mkdir()
    (stock / "findings.json").write_text(json.dumps(plain))
    (stock / "test_stock.py").write_text(STOCK)
    # adding percentages up takes longer than the tests themselves
    (stock / "pytest.ini").write_text("[pytest]\nconsole_output_style = classic\n")
    _pytest(
        stock,
        "-q",
        "--tb=no",
        "-rN",
        "-p",
        "no:cacheprovider",
        f"--html={stock / 'report.html'}",
        "--self-contained-html",
    )
    return folder / "ours/compliance.html", stock / "report.html", len(findings)


def _pytest(where: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=where, capture_output=True, text=True)
    if done.returncode != 1:
        raise SystemExit(
            f"pytest ended with {done.returncode} instead of 1:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def opened(browser: Browser, file: Path, filtering: str) -> Opened:
    """One visit with a fresh profile; `filtering` sets the first filter, and two frames later it is on the screen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    begun = time.perf_counter()
    page.goto(file.as_uri(), wait_until="load", timeout=PATIENCE)
    loaded = time.perf_counter()
    page.evaluate(filtering)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shown = time.perf_counter()
    elements = int(page.evaluate("document.getElementsByTagName('*').length"))
    context.close()
    return Opened(loaded - begun, shown - loaded, file.stat().st_size, elements)


OURS: Final = """() => {
  const form = document.getElementById('avb-filters');
  form.elements.verdict.value = 'not ready';
  form.dispatchEvent(new Event('input', {bubbles: true}));
}"""
THEIRS: Final = "() => document.querySelector('input[data-test-result=passed]').click()"


def measure(ours: Path, theirs: Path) -> tuple[Opened, Opened]:
    """The median visit of ours by the time until it is usable, and one visit of the stock report, in one browser."""
    with chromium() as browser:
        visits = sorted((opened(browser, ours, OURS) for _ in range(RUNS)), key=lambda v: v.usable)
        return visits[len(visits) // 2], opened(browser, theirs, THEIRS)


def main() -> int:
    """Print the figures; 0 when every target is kept."""
    if find_chromium() is None:
        print("bench-report: no chromium here: apt-get install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="bench-report-") as folder:
        ours, theirs, findings = write_reports(Path(folder))
        mine, stock = measure(ours, theirs)
    gain = stock.usable / mine.usable
    kept = mine.size <= BYTES and mine.usable <= SECONDS and gain >= GAIN
    print(f"{COPIES * VMS} machines, {findings} findings, in one headless chromium; ours: median of {RUNS} visits")
    print(f"{'':<14}{'load':>8}{'filter':>9}{'usable':>9}{'size':>12}{'elements':>11}")
    for name, each in (("ours", mine), ("pytest-html", stock)):
        print(
            f"{name:<14}{each.load:>6.2f} s{each.filtered:>7.2f} s{each.usable:>7.2f} s{each.size / 1e6:>9.1f} MB{each.elements:>11,}"
        )
    print(
        f"usable within {SECONDS:g} s, at most {BYTES / 1e6:g} MB, {gain:.0f} times as fast, target at least {GAIN:g}: {'kept' if kept else 'MISSED'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
