"""Opens the page of a thousand machines in a real browser, beside what stock pytest-html makes of the same results.

`python -m selftests.bench.report [--full]` needs a chromium, no root and no network; 1 when a target is missed, 2
without chromium. The stock report gets a part of the findings, twice, and what it would take for all is a straight line
through both; `--full` opens it with all of them, which takes some minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from backup_compliance.gathering.folder import save_facts
from selftests.bench.results import Figure, Section, finish
from selftests.builders.browser import chromium, find_chromium
from selftests.builders.fleet import VMS, fleet
from selftests.builders.product import ROOT

COPIES: Final = 42
BYTES: Final = 6_000_000
SECONDS: Final = 2.0
GAIN: Final = 10.0
RUNS: Final = 5
PARTS: Final = (16, 8)
"""The stock report is opened with one finding in so many. It grows at least as the number of rows does."""
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


def write_page(folder: Path) -> tuple[Path, list[tuple[str, str, str]]]:
    """Our page of one run, and its findings as the stock report's tests get them."""
    save_facts(fleet(COPIES), folder / "facts")
    _pytest(ROOT, "-q", f"--facts={folder / 'facts'}", f"--report-dir={folder / 'ours'}")
    findings = json.loads((folder / "ours/compliance.json").read_bytes())["findings"]
    plain = [
        (f"{f['control']}-{f['resource'].rpartition('/')[2]}-{n}", f["outcome"], f["message"])
        for n, f in enumerate(findings)
    ]
    return folder / "ours/compliance.html", plain


def write_stock(folder: Path, findings: list[tuple[str, str, str]]) -> Path:
    """The stock report of these findings."""
    folder.mkdir()
    (folder / "findings.json").write_text(json.dumps(findings))
    (folder / "test_stock.py").write_text(STOCK)
    # adding percentages up takes longer than the tests themselves
    (folder / "pytest.ini").write_text("[pytest]\nconsole_output_style = classic\n")
    report = f"--html={folder / 'report.html'}"
    _pytest(folder, "-q", "--tb=no", "-rN", "-p", "no:cacheprovider", report, "--self-contained-html")
    return folder / "report.html"


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


def measure(folder: Path, parts: tuple[int, ...]) -> tuple[list[Opened], dict[int, Opened], int]:
    """Visits of our page, one of each stock report by its number of findings, and how many findings there are."""
    ours, findings = write_page(folder)
    stock = {len(found): write_stock(folder / f"stock-{n}", found) for n in parts if (found := findings[::n])}
    with chromium() as browser:
        visits = [opened(browser, ours, OURS) for _ in range(RUNS)]
        return visits, {rows: opened(browser, file, THEIRS) for rows, file in stock.items()}, len(findings)


def scaled(stock: dict[int, Opened], findings: int) -> Opened:
    """The stock report of so many findings: the largest there is, carried on along the line through the two largest."""
    *less, most = sorted(stock)
    if most >= findings or not less:
        return stock[most]

    def onward(name: str) -> float:
        small, large = (float(getattr(stock[n], name)) for n in (less[-1], most))
        return large + (large - small) / (most - less[-1]) * (findings - most)

    return Opened(onward("load"), onward("filtered"), int(onward("size")), int(onward("elements")))


def figures(visits: list[Opened], stock: dict[int, Opened], findings: int) -> tuple[Figure, ...]:
    """Ours by itself, then beside the stock report."""
    mine = sorted(visits, key=lambda v: v.usable)[len(visits) // 2]
    theirs = scaled(stock, findings)
    seen = ", ".join(f"{v.usable:.1f} s for {rows:,}" for rows, v in sorted(stock.items()))
    how = "" if max(stock) >= findings else f" ({seen}: carried on to all {findings:,} along a straight line)"
    told = f"{theirs.usable:.0f} s, load {theirs.load:.0f} and filter {theirs.filtered:.0f}{how}"
    usable = [visit.usable for visit in visits]
    return (
        Figure(
            "until load and first filter show",
            mine.usable,
            at_most=SECONDS,
            unit="s",
            spread=(min(usable), max(usable)),
            told=f"load {mine.load:.2f} s, filter {mine.filtered:.2f} s",
        ),
        Figure("size", mine.size / 1e6, at_most=BYTES / 1e6, unit="MB", told=f"stock {theirs.size / 1e6:.1f} MB"),
        Figure("elements in the page", mine.elements, unit="elements", told=f"stock {theirs.elements:,}"),
        Figure("as fast as stock pytest-html", theirs.usable / mine.usable, at_least=GAIN, told=told),
    )


def main(argv: list[str]) -> int:
    """Print and keep the figures; 0 when every target is kept."""
    if find_chromium() is None:
        print("bench-report: no chromium here: apt-get install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="bench-report-") as folder:
        visits, stock, findings = measure(Path(folder), (1,) if "--full" in argv else PARTS)
    against = f"stock pytest-html with the same results: {COPIES * VMS:,} machines, {findings:,} findings, one headless chromium; ours: median of {RUNS} visits"
    measurements = {"ours": [asdict(v) for v in visits], "stock": {rows: asdict(v) for rows, v in stock.items()}}
    return finish(Section("page", against, figures(visits, stock, findings), measurements))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
