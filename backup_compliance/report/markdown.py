"""`summary.md`: the verdicts and what to mend, for a job summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backup_compliance.catalogue.exemptions import ExemptionReport
from backup_compliance.judging.findings import Finding, Verdict, VmVerdict
from backup_compliance.report.document import Coverage, Document

ROWS: Final = 100
"""Job summaries are cut at 1 MiB; the full list is in the other reports."""


def escaped(text: str) -> str:
    """`text` as Markdown shows it literally, inside a table cell too."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~@])", r"\\\1", text)


def write_summary(document: Document, path: Path) -> None:
    """The summary, in GitHub's and Azure Pipelines' Markdown."""
    path.write_text(summary(document), encoding="utf-8")


def summary(document: Document) -> str:
    """Verdicts and gating findings as Markdown."""
    run = document.run
    totals = ", ".join(f"{n} {v}" for v in VmVerdict if (n := sum(x.verdict is v for x in document.verdicts)))
    lines = [
        "# Azure VM Backup compliance",
        "",
        f"**{totals}** - exit status {run.exit_status}",
        "",
        f"Baseline {escaped(run.baseline)}, failing on {run.fail_on} and above. {escaped(run.scope)}. Facts: {escaped(run.facts)}.",
        "",
        *(f"- {escaped(note)}" for note in run.notes),
        *_verdict_table(document.verdicts),
        *_exemption_table(document.exemptions),
        *_coverage(document.coverage),
        *_finding_table([f for f in document.findings if f.gates]),
    ]
    return "\n".join(lines) + "\n"


def _verdict_table(verdicts: Sequence[Verdict]) -> list[str]:
    rows = [f"| {escaped(_who(v))} | {v.text} | {escaped(v.reason)} | {_causes(v)} |" for v in verdicts[:ROWS]]
    return [
        "",
        "## Virtual machines",
        "",
        "| VM | verdict | first reason | likely root cause |",
        "|---|---|---|---|",
        *rows,
        *_rest(len(verdicts)),
    ]


def _causes(verdict: Verdict) -> str:
    """The first cause with what it explains, and where guest and platform disagree."""
    told = []
    for cause in verdict.causes[:1]:
        explains = f" (explains {', '.join(cause.explains)})" if cause.explains else ""
        told.append(f"{cause.control}: {cause.because}{explains}")
    return "<br>".join(escaped(line) for line in [*told, *verdict.disagreements])


def _exemption_table(exemptions: Sequence[ExemptionReport]) -> list[str]:
    rows = [
        f"| {escaped(e.control)} | {escaped(e.resource)} | {escaped(e.reason)} | {escaped(e.owner)} | {e.expires_on} | {escaped(e.ticket)} | {e.standing} |"
        for e in exemptions[:ROWS]
    ]
    head = ["| control | resource | reason | owner | expires | ticket | standing |", "|---|---|---|---|---|---|---|"]
    return ["", "## Exemptions", "", *head, *rows, *_rest(len(exemptions))] if rows else []


def _who(verdict: Verdict) -> str:
    return (
        f"{verdict.name} ({verdict.host})"
        if verdict.host and not verdict.name.startswith(verdict.host)
        else verdict.name
    )


def _coverage(coverage: Coverage) -> list[str]:
    lines = [
        f"- {what} ({len(names)}): {escaped(', '.join(names[:ROWS]))}{', ...' if len(names) > ROWS else ''}"
        for what, names in coverage.lists
    ]
    return ["", "## Coverage", "", *lines] if lines else []


def _finding_table(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return ["", "Nothing stands in the way of the gate."]
    ordered = sorted(findings, key=lambda f: (-f.severity.rank, f.control, f.name))
    rows = [
        f"| {f.control} | {f.severity} | {escaped(f.name)} | {f.outcome.replace('_', '-')} | {escaped(f.message)} | {escaped(f.remediation)} |"
        for f in ordered[:ROWS]
    ]
    return [
        "",
        "## What to mend",
        "",
        "| control | severity | resource | outcome | what was found | what to do |",
        "|---|---|---|---|---|---|",
        *rows,
        *_rest(len(findings)),
    ]


def _rest(count: int) -> list[str]:
    return ["", f"... and {count - ROWS} more; see compliance.html or compliance.json"] if count > ROWS else []
