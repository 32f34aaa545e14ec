"""Our half of `compliance.html`, a pytest-html report: columns, evidence, and the matrix on top.

pytest-html puts cells into the page as they are: whatever came from a host is escaped here, by Jinja's
autoescaping in the templates and by `html.escape` in single cells.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from backup_compliance.controls import CAUSES, Control
from backup_compliance.report.findings import Document, Finding, VmVerdict
from backup_compliance.verdicts import Outcome

TITLE: Final = "Azure VM Backup compliance"
TEMPLATES: Final = Path(__file__).with_name("templates")
COLUMNS: Final = (
    ("result", "Result"),
    ("control", "Control"),
    ("severity", "Severity"),
    ("resource", "Resource"),
    ("found", "What was found"),
    ("remediation", "Remediation"),
    ("source", "Source"),
)
EVIDENCE_LIMIT: Final = 2000
"""Rows up to which every one carries its evidence; beyond, those with nothing wrong refer to the JSON."""

SYMBOLS: Final = {
    "compliant": "✓",
    "non_compliant": "✗",
    "error": "!",
    "undetermined": "?",
    "advisory": "△",
    "exempt": "◇",
    "not_applicable": "–",
}


def configure(option: argparse.Namespace, folder: Path) -> None:
    """Have pytest-html write one self-contained file into `folder`, unless the user said otherwise."""
    if not hasattr(option, "htmlpath"):  # -p no:html
        return
    if not option.htmlpath:
        option.htmlpath = str(folder / "compliance.html")
        option.self_contained_html = True
    option.css = [*option.css, str(TEMPLATES / "style.css")]


def header_cells() -> list[str]:
    """The table's header; every column sorts."""
    return [f'<th class="sortable" data-column-type="{name}">{title}</th>' for name, title in COLUMNS]


def row_cells(result: str, finding: Finding) -> list[str]:
    """One row; pytest-html's own result cell stays, its filters depend on it."""
    remediation = finding.remediation or "nothing to do"
    values = {
        "control": f"{escape(finding.control)} {escape(finding.title)}",
        "severity": escape(finding.severity),
        "resource": f'<span title="{escape(finding.resource)}">{escape(finding.name)}</span>',
        "found": f"<b>{escape(finding.outcome.replace('_', '-'))}</b> {escape(finding.message)} <small>{escape(finding.other_baseline.text)}</small>",
        "remediation": escape(remediation),
        "source": escape(finding.source),
    }
    return [result, *(f'<td class="col-{name}">{value}</td>' for name, value in values.items())]


def evidence(finding: Finding, *, in_full: bool = True) -> str:
    """What was read, as the row's expandable text; in large reports only where something is wrong."""
    if not in_full and finding.outcome in (Outcome.COMPLIANT, Outcome.NOT_APPLICABLE):
        return escape(
            f"{finding.test}\n\nWhat was read stands in compliance.json: this report has more than {EVIDENCE_LIMIT} rows."
        )
    shown = json.dumps(finding.evidence, indent=1, ensure_ascii=False) if finding.evidence else "nothing was read"
    return escape(f"{finding.test}\n{finding.resource}\n\nWhat was read:\n{shown}")


def overview(document: Document, catalogue: Mapping[str, Control]) -> str:
    """Header, verdict totals, and the matrix of VMs and controls."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cells: dict[str, dict[str, Finding]] = {}
    for finding in document.findings:
        if finding.vm is not None:
            cells.setdefault(finding.vm, {})[finding.control] = finding
    shown = {f.control for f in document.findings if f.vm is not None}
    return environment.get_template("overview.html").render(
        document=document,
        totals={str(v): sum(x.verdict is v for x in document.verdicts) for v in VmVerdict},
        controls=[c for c in catalogue.values() if c.id in shown],
        causes=CAUSES,
        cells=cells,
        others=[f for f in document.findings if f.vm is None],
        symbols=SYMBOLS,
    )
