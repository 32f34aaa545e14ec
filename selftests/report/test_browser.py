"""The page in a real browser: filter, sort, jump, keyboard, accessibility, paper, fleets, and hostile data.

One browser process serves the whole file. Where the system has no chromium these tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from backup_compliance.gathering.folder import save_facts
from backup_compliance.model.verdicts import Outcome
from backup_compliance.report.page import DETAIL_LIMIT
from selftests.builders.browser import Seen, chromium, find_chromium, open_page
from selftests.builders.fleet import fleet
from selftests.builders.hostile import SHELL, hostile_facts
from selftests.builders.product import ROOT, Judged, judge_apart
from selftests.builders.programs import needs

pytestmark = needs(find_chromium() or "chromium")
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
AMISS = (Outcome.NON_COMPLIANT, Outcome.ERROR, Outcome.UNDETERMINED, Outcome.ADVISORY, Outcome.EXEMPT)
OPENED = "#avb-finding-list details[open]:has(> :nth-child(2))"
"""A finding that was opened and drawn: the browser tells of the one a moment before the other."""
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One process for all."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The demo's reports, with exemptions of every standing."""
    folder = tmp_path_factory.mktemp("demo")
    entries = [
        ("AVB-203", "sample-app-01", 2999),
        ("AVB-2*", "sample-app-02", 2020),
        ("AVB-104", "sample-web-01", 2999),
    ]
    text = '[[exemption]]\ncontrol = "{}"\nresource = "{}"\nreason = "vendor image"\nowner = "ops"\nexpires_on = {}-01-31\n'
    (folder / "exemptions.toml").write_text("".join(text.format(*entry) for entry in entries))
    return judge_apart(
        folder / "reports", f"--facts={ROOT / 'samples/facts'}", f"--exemptions={folder / 'exemptions.toml'}"
    )


@pytest.fixture
def opened(browser: Browser, demo: Judged) -> Iterator[tuple[Page, Seen]]:
    """The demo's page in a fresh profile; whatever a test does, nothing else may happen."""
    page, seen = open_page(browser, demo.folder / "compliance.html")
    yield page, seen
    assert seen.nothing, seen
    page.context.close()


def names(page: Page) -> list[str]:
    """The machines of the matrix, from top to bottom."""
    return page.locator("#avb-matrix tbody th button").all_inner_texts()


def choose(page: Page, **chosen: str) -> None:
    """Set filters by their names."""
    for name, value in chosen.items():
        control = page.locator(f"#avb-filters [name={name}]")
        if name == "text":
            control.fill(value)
        else:
            control.select_option(value)


def focused(page: Page) -> str:
    """The text of what has the focus."""
    return str(page.evaluate("document.activeElement.textContent"))


def test_matrix_holds_every_finding(opened: tuple[Page, Seen], demo: Judged) -> None:
    """A row for each verdict, and a cell of the right outcome for each finding."""
    page, _ = opened
    document = demo.document
    assert set(names(page)) >= {v.name for v in document.verdicts}
    for outcome in Outcome:
        expected = sum(f.outcome is outcome for f in document.findings)
        assert page.locator(f"#avb-matrix td.avb-{outcome}").count() == expected, outcome


@pytest.mark.parametrize("verdict", ["ready", "not ready", "not assessed"])
def test_verdict_filters_machines(opened: tuple[Page, Seen], demo: Judged, verdict: str) -> None:
    """By the list, and by the numbers on top, which are buttons."""
    page, _ = opened
    expected = sorted(v.name for v in demo.document.verdicts if v.verdict == verdict)
    choose(page, verdict=verdict)
    assert sorted(names(page)) == expected
    page.locator("#avb-filters button[type=reset]").click()
    page.locator(f"button[data-verdict='{verdict}']").click()
    assert sorted(names(page)) == expected
    assert page.locator("#avb-count").inner_text().startswith(f"{len(expected)} of {len(demo.document.verdicts)} VMs")


def test_outcome_severity_and_cause_filter_together(opened: tuple[Page, Seen], demo: Judged) -> None:
    """Machines with a critical failure of the first cause; other causes' columns are away, and the list agrees."""
    page, _ = opened
    choose(page, outcome="n", severity="c", cause="1")
    wanted = [
        f
        for f in demo.document.findings
        if (f.outcome, f.severity, f.cause) == (Outcome.NON_COMPLIANT, "critical", 1) and f.vm is not None
    ]
    by_vm = {v.vm: v.name for v in demo.document.verdicts}
    assert sorted(names(page)) == sorted({by_vm[str(f.vm)] for f in wanted})
    assert {t[0] for t in page.locator("#avb-matrix th.avb-control").all_inner_texts()} == {"1"}
    assert page.locator("#avb-finding-list details").count() == len(wanted)


@pytest.mark.parametrize("text", ["sample-net-03", "blackhole", "AVB-404", "agent does not run"])
def test_text_finds_machines_by_name_message_and_control(opened: tuple[Page, Seen], text: str) -> None:
    """Words of a name, of a message, of a control's id, of a root cause."""
    page, _ = opened
    whole = len(names(page))
    choose(page, text=text)
    found = names(page)
    assert 0 < len(found) < whole / 2


def test_columns_sort_both_ways(opened: tuple[Page, Seen], demo: Judged) -> None:
    """By name up and down, by severity the worst first, by a control those that fail first; it is announced."""
    page, _ = opened
    header = page.locator("#avb-matrix th[data-by=name] button")
    header.click()
    machines = len(demo.document.verdicts)
    up = names(page)[:machines]
    assert (up[0], up[-1]) == ("sample-app-01", "sample-win-01")
    assert page.locator("#avb-matrix th[data-by=name]").get_attribute("aria-sort") == "ascending"
    page.locator("#avb-matrix th[data-by=name] button").click()
    assert names(page)[:machines] == up[::-1]
    page.locator("#avb-matrix th[data-by=severity] button").click()
    worst = page.locator("#avb-matrix tbody td:nth-child(3)").all_inner_texts()
    assert worst == sorted(worst, key=["critical", "high", "medium", "low", ""].index)
    page.locator("#avb-matrix th[data-by='AVB-404'] button").click()
    assert names(page)[0] == "sample-net-01"


def test_cell_leads_to_its_finding_and_back(opened: tuple[Page, Seen], demo: Judged) -> None:
    """The finding is open with evidence, remedy, commands, source and the other baseline; Escape leads back to the cell."""
    page, _ = opened
    finding = demo.finding("AVB-404", "sample-net-01")
    cell = page.locator("tr", has=page.get_by_role("button", name="sample-net-01", exact=True)).locator(
        "td[aria-label^=AVB-404]"
    )
    cell.click()
    opened_one = page.locator(OPENED)
    text = opened_one.inner_text()
    assert page.evaluate("location.hash").endswith("-AVB-404")
    for told in (
        finding.message,
        finding.remediation,
        finding.source,
        "static",
        "current says",
        "az network nic ip-config",
    ):
        assert told in text, told
    assert "AVB-404" in focused(page)
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("AVB-404")
    assert page.locator("#avb-only").is_hidden()


def test_cell_of_a_compliant_control_leads_to_its_evidence(opened: tuple[Page, Seen]) -> None:
    """What is fine is proven as well."""
    page, _ = opened
    page.locator("tr", has=page.get_by_role("button", name="sample-web-01", exact=True)).locator(
        "td[aria-label^=AVB-103]"
    ).click()
    text = page.locator(OPENED).inner_text()
    assert "answered" in text
    assert "Commands" not in text


def test_link_to_a_finding_opens_it(browser: Browser, demo: Judged, opened: tuple[Page, Seen]) -> None:
    """What one copies from the address bar shows the same to others."""
    page, _ = opened
    page.locator("#avb-matrix td.avb-non_compliant").first.click()
    fragment = page.evaluate("location.hash")
    other, seen = open_page(browser, demo.folder / "compliance.html", fragment)
    expect(other.locator(OPENED)).to_have_count(1)
    assert seen.nothing
    other.context.close()


def test_everything_works_by_keyboard(opened: tuple[Page, Seen]) -> None:
    """The matrix is one stop; arrows move, Enter sorts and opens, Escape leads back, and the next stop leaves it."""
    page, _ = opened
    page.locator("#avb-filters button[type=reset]").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "VM"
    for key in ("ArrowRight", "Enter", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("AVB-101")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert focused(page) == names(page)[0]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert focused(page).startswith(names(page)[1])
    page.keyboard.press("Escape")
    assert focused(page) == names(page)[1]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#avb-matrix')") is None


def test_likely_root_cause_comes_first(opened: tuple[Page, Seen], demo: Judged) -> None:
    """In the matrix and on top of a machine's findings, with what it explains; contradictions are told."""
    page, _ = opened
    (verdict,) = [v for v in demo.document.verdicts if v.name == "sample-app-01"]
    assert verdict.causes[0].control == "AVB-201"
    assert "AVB-211" in verdict.causes[0].explains
    row = page.locator("tr", has=page.get_by_role("button", name="sample-app-01", exact=True))
    assert row.locator(".avb-by-cause").inner_text().startswith(f"AVB-201 (explains {len(verdict.causes[0].explains)})")
    row.get_by_role("button").click()
    assert page.locator(".avb-causes-of li").first.inner_text().startswith("AVB-201")


def test_command_is_copied(browser: Browser, demo: Judged) -> None:
    """To the clipboard where the browser allows it, by selection where not."""
    page, seen = open_page(browser, demo.folder / "compliance.html", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#avb-matrix td[aria-label^='AVB-201'].avb-non_compliant").first.click()
    page.locator("#avb-finding-list details[open] button[data-copy]").first.click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "systemctl status walinuxagent waagent"
    assert seen.nothing
    page.context.close()


@pytest.mark.parametrize("how", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_axe_finds_nothing(browser: Browser, demo: Judged, how: dict[str, Any]) -> None:
    """WCAG 2.1 A and AA by axe-core, with a finding opened, in both colour schemes and on a phone."""
    page, _ = open_page(browser, demo.folder / "compliance.html", **how)
    choose(page, text="sample-app")  # axe takes its time for each cell, and one row is as another
    for opened_one in (False, True):
        if opened_one:
            page.locator("#avb-matrix td.avb-non_compliant").first.click()
        found = Axe().run(page, options=WCAG).response["violations"]
        assert found == [], json.dumps([(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found], indent=1)
    page.context.close()


def test_phone_shows_the_page_without_scrolling_sideways(browser: Browser, demo: Judged) -> None:
    """Only matrix and tables scroll, each in its own frame."""
    page, _ = open_page(browser, demo.folder / "compliance.html", **PHONE)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    page.locator("#avb-matrix td.avb-non_compliant").first.click()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    page.context.close()


def test_paper_shows_everything_opened(opened: tuple[Page, Seen]) -> None:
    """Printing draws all rows, opens what the filters leave, and hides what only a screen needs."""
    page, _ = opened
    page.emulate_media(media="print")
    assert len(page.pdf(prefer_css_page_size=True)) > 50_000
    closed = page.locator("#avb-finding-list details:not([open])").count()
    assert closed == 0
    assert page.locator("#avb-finding-list details dl").count() == page.locator("#avb-finding-list details").count()
    assert page.locator("#avb-filters").is_hidden()


def test_expired_and_needless_exemptions_are_shown(opened: tuple[Page, Seen]) -> None:
    """With owner, reason, day and what became of them."""
    page, _ = opened
    rows = page.locator("#avb-exemptions tbody tr").all_inner_texts()
    assert [row.split("\t")[-1].split(",")[0] for row in rows] == ["in use", "expired", "met no failure"]
    assert all("vendor image" in row and "ops" in row for row in rows)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """More findings than a page keeps details of."""
    folder = tmp_path_factory.mktemp("large")
    save_facts(fleet(4), folder / "facts")
    return judge_apart(folder / "reports", f"--facts={folder / 'facts'}")


def test_fleet_keeps_details_of_what_is_amiss(browser: Browser, large: Judged) -> None:
    """The matrix holds every finding all the same, drawn as far as one scrolls; a compliant cell says where its details are."""
    page, seen = open_page(browser, large.folder / "compliance.html")
    findings = large.document.findings
    assert len(findings) > DETAIL_LIMIT
    data = json.loads(page.locator("#avb-data").inner_text())
    kept = sum(len(entries) for entries in data["details"].values())
    assert kept == sum(f.outcome in AMISS for f in findings)
    letters = "".join(row["o"] for row in data["rows"])
    assert len(letters.replace(" ", "")) == len(findings)
    drawn = page.locator("#avb-matrix tbody tr").count()
    assert drawn == 100
    page.locator("button[data-more=matrix]").scroll_into_view_if_needed()
    expect(page.locator("#avb-matrix tbody tr")).to_have_count(len(data["rows"]))
    page.locator("#avb-matrix td.avb-compliant").first.click()
    assert "compliance.json" in page.locator("#avb-finding-list details[open]").inner_text()
    assert seen.nothing
    page.context.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Reports about machines that try to break out of them."""
    folder = tmp_path_factory.mktemp("hostile")
    save_facts(hostile_facts(), folder / "facts")
    return judge_apart(folder / "reports", f"--facts={folder / 'facts'}")


def test_nothing_of_a_hosts_making_executes(browser: Browser, hostile: Judged) -> None:
    """Every finding opened, filtered and printed: no script, no dialog, no request, no element, no word on the console."""
    page, seen = open_page(browser, hostile.folder / "compliance.html")
    assert len(hostile.document.findings) > 50
    page.locator("#avb-filters [name=text]").fill("<script>")
    page.locator("#avb-filters button[type=reset]").click()
    expect(page.locator("#avb-finding-list h3").nth(1)).to_be_visible()
    for row in range(page.locator("#avb-matrix tbody tr").count()):
        page.evaluate(f"location.hash = '#r{row}'")
        expect(page.locator("#avb-finding-list h3")).to_have_id(f"r{row}")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("main img, main svg, main script, main iframe").count() == 0
    assert page.evaluate("window.owned") is None
    assert seen.nothing, seen
    page.context.close()


def test_policy_stops_what_escaping_would_let_through(browser: Browser, hostile: Judged) -> None:
    """Were a handler or an image ever put into the page, the browser would not run or fetch it."""
    page, seen = open_page(browser, hostile.folder / "compliance.html")
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', "
        "'<img src=https://example.invalid/x onerror=window.owned=1><img src=x onerror=window.owned=2>')"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.owned") is None
    assert seen.console
    page.context.close()


def test_commands_quote_a_strangers_name(browser: Browser, hostile: Judged, tmp_path: Path) -> None:
    """A VM named after a shell's worst case is one word of the command that a reader copies."""
    page, _ = open_page(browser, hostile.folder / "compliance.html")
    rows = json.loads(page.locator("#avb-data").inner_text())["rows"]
    (at,) = [n for n, row in enumerate(rows) if SHELL[:8] in row["name"] and row["verdict"]]
    page.evaluate(f"location.hash = '#r{at}'")
    expect(page.locator("#avb-finding-list h3")).to_have_id(f"r{at}")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    commands = [c for c in page.locator(".avb-command code").all_inner_texts() if "touch owned" in c]
    assert commands
    for command in commands:
        (tmp_path / "run.sh").write_text(f"az() {{ :; }}\n{command}\n")
        os.system(f"cd {tmp_path} && sh run.sh >/dev/null 2>&1")
    assert not (tmp_path / "owned").exists()
    page.context.close()
