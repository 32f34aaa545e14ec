"""`compliance.html`: a pytest-html report whose findings are shown by a page of our own on top.

pytest-html draws a row of twenty elements for each test, which a fleet cannot wait for, and puts cells into the page
as they are. Findings therefore go into our page only, packed (page.py) and drawn as they are needed; pytest-html's
table keeps tests that are no control. What came from a host is escaped here, by Jinja's autoescaping and by
`script_json`; the finished file also carries a content security policy that runs the report's own scripts only.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from base64 import b64encode
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from backup_compliance.catalogue.controls import CAUSES
from backup_compliance.judging.findings import VmVerdict
from backup_compliance.model.verdicts import Outcome
from backup_compliance.report.document import ControlInfo, Document, gate_text
from backup_compliance.report.page import DETAIL_LIMIT, LETTERS, page_data, script_json

TITLE: Final = "Azure VM Backup compliance"
TEMPLATES: Final = Path(__file__).with_name("templates")
SCRIPTS: Final = ("model.js", "matrix.js", "findings.js", "main.js")
SYMBOLS: Final = {
    "non_compliant": "✗",
    "error": "!",
    "undetermined": "?",
    "advisory": "△",
    "exempt": "◇",
    "compliant": "✓",
    "not_applicable": "–",
}
_ELEMENT: Final = re.compile(r"<(script|style)(?![^>]*application/json)[^>]*>(.*?)</\1>", re.DOTALL)
_HEAD: Final = '<html>\n  <head>\n    <meta charset="utf-8"/>'


class UnknownPage(Exception):
    """pytest-html's file has not the shape that is finished here."""


def test_id_cell(node_id: str) -> str:
    """A cell of pytest-html's table, which takes node ids as they are."""
    return f'<td class="col-testId">{escape(node_id)}</td>'


def configure(option: argparse.Namespace, folder: Path) -> None:
    """Have pytest-html write one self-contained file into `folder`, unless the user said otherwise."""
    if not hasattr(option, "htmlpath"):  # -p no:html
        return
    if not option.htmlpath:
        option.htmlpath = str(folder / "compliance.html")
        option.self_contained_html = True
    option.css = [*option.css, str(TEMPLATES / "style.css")]


def overview(document: Document, others: int = 0) -> str:
    """Header, verdicts, matrix, controls, exemptions, coverage and findings: our page.

    Args:
        document: what the run found out.
        others: how many rows pytest-html's own table has: tests that are no control.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    data = page_data(document)
    return environment.get_template("overview.html").render(
        document=document,
        gate=gate_text(document),
        totals={str(v): sum(x.verdict is v for x in document.verdicts) for v in VmVerdict},
        other=data["other"] or "not known",
        controls=control_rows(document),
        causes=CAUSES,
        letters={str(outcome): letter for outcome, letter in LETTERS.items()},
        symbols=SYMBOLS,
        in_full=data["inFull"],
        limit=DETAIL_LIMIT,
        others=others,
        data=script_json(data),
        script="(() => {\n" + "\n".join((TEMPLATES / name).read_text("utf-8") for name in SCRIPTS) + "})();",
    )


def control_rows(document: Document) -> list[dict[str, Any]]:
    """Each control that was run, with how often it came to what, and its verdict."""
    counts: dict[str, Counter[str]] = {}
    for finding in document.findings:
        counts.setdefault(finding.control, Counter())[str(finding.outcome)] += 1
    return [_control_row(control, counts[control.id]) for control in document.controls if control.id in counts]


def _control_row(control: ControlInfo, counts: Counter[str]) -> dict[str, Any]:
    worst = next((outcome for outcome in SYMBOLS if counts[outcome]), Outcome.NOT_APPLICABLE)
    words = {
        "non_compliant": "not met",
        "error": "could not be read everywhere",
        "undetermined": "not decided everywhere",
        "advisory": "not met, advice only",
        "exempt": "met, but for exemptions",
        "compliant": "met",
        "not_applicable": "does not apply",
    }
    return {"control": control, "counts": counts, "kind": worst, "verdict": words[worst]}


def finish(path: Path) -> None:
    """Give pytest-html's file what its template lacks: language, width, and a policy that nothing else may run.

    Raises:
        UnknownPage: another version of pytest-html writes another head.
    """
    text = path.read_text(encoding="utf-8")
    if text.count(_HEAD) != 1:
        raise UnknownPage(f"{path}: pytest-html wrote another head than the one that is known here")
    # an inline handler of pytest-html's for reports of running tests; the policy would refuse it aloud
    text = text.replace(' onclick="location.reload()"', "", 1)
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _ELEMENT.findall(text):
        digest = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    policy = f"default-src 'none'; img-src data:; script-src {' '.join(hashes['script'])}; style-src {' '.join(hashes['style'])}; base-uri 'none'; form-action 'none'"
    head = (
        f'<html lang="en">\n  <head>\n    <meta charset="utf-8"/>\n    <meta http-equiv="Content-Security-Policy" content="{policy}"/>'
        '\n    <meta name="viewport" content="width=device-width, initial-scale=1"/>\n    <meta name="referrer" content="no-referrer"/>'
    )
    path.write_text(text.replace(_HEAD, head, 1), encoding="utf-8")
