"""What the page knows: a document packed so that a thousand machines fit into a file that opens at once.

Each machine is one row of letters, one for each control. Findings carry details only where they are needed, and facts
that several findings rest on are kept once. The page's script (templates/*.js) unpacks it; names are short on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from backup_compliance.catalogue.controls import CAUSES
from backup_compliance.judging.findings import Finding, Verdict
from backup_compliance.judging.root_causes import RootCause
from backup_compliance.model.verdicts import Outcome
from backup_compliance.report.document import ControlInfo, Document

DETAIL_LIMIT: Final = 2000
"""Findings up to which each one has its details in the page; beyond, only those that are not compliant."""
FACT_LIMIT: Final = 4000
"""Characters of one fact in a page beyond that limit; the whole of it stands in compliance.json."""

LETTERS: Final = {
    Outcome.COMPLIANT: "c",
    Outcome.NON_COMPLIANT: "n",
    Outcome.ERROR: "e",
    Outcome.UNDETERMINED: "u",
    Outcome.ADVISORY: "a",
    Outcome.EXEMPT: "x",
    Outcome.NOT_APPLICABLE: "-",
}
NOTHING: Final = " "
"""A control that was not run for a resource."""
WELL: Final = (Outcome.COMPLIANT, Outcome.NOT_APPLICABLE)


class _Table:
    """Values by position, each kept once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._positions: dict[str, int] = {}

    def add(self, value: Any) -> int:
        key = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if key not in self._positions:
            self._positions[key] = len(self.values)
            self.values.append(value)
        return self._positions[key]


def page_data(document: Document) -> dict[str, Any]:
    """Everything that the page's script needs, ready for JSON."""
    shown = {f.control for f in document.findings}
    controls = [c for c in document.controls if c.id in shown]
    positions = {c.id: n for n, c in enumerate(controls)}
    texts, facts = _Table(), _Table()
    in_full = len(document.findings) <= DETAIL_LIMIT
    by_row: dict[str, list[Finding]] = {}
    for finding in document.findings:
        by_row.setdefault(finding.vm if finding.vm is not None else finding.resource, []).append(finding)
    rows = [_machine(v, by_row.pop(v.vm, []), positions) for v in document.verdicts]
    rows += [_resource(found, positions) for found in by_row.values()]
    row_of = {row["id"]: n for n, row in enumerate(rows)}
    details: dict[int, list[list[Any]]] = {}
    for finding in document.findings:
        if in_full or finding.outcome not in WELL:
            row = row_of[finding.vm if finding.vm is not None else finding.resource]
            detail = [positions[finding.control], *_detail(finding, texts, facts, in_full=in_full)]
            details.setdefault(row, []).append(detail)
    return {
        "causes": {str(n): f"Cause {n}: {name}" if n < 5 else name for n, name in CAUSES.items()},
        "controls": [_control(c) for c in controls],
        "rows": rows,
        "details": details,
        "texts": texts.values,
        "facts": facts.values,
        "total": len(document.findings),
        "inFull": in_full,
        "other": next((f.other_baseline.name for f in document.findings), ""),
        "failOn": document.run.fail_on,
    }


def script_json(data: Mapping[str, Any]) -> str:
    """JSON that can stand inside a script element: nothing in it can end that element or begin another."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _control(control: ControlInfo) -> dict[str, Any]:
    return {
        "id": control.id,
        "title": control.title,
        "cause": control.cause,
        "side": control.side,
        "why": control.rationale,
        "fix": control.remediation,
        "source": control.source,
        "test": f"{control.file}:{control.line}",
        "guest": control.commands.guest,
        "azure": control.commands.azure,
    }


def _machine(verdict: Verdict, findings: Sequence[Finding], positions: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": verdict.vm,
        "name": verdict.name,
        "host": verdict.other_host,
        "verdict": verdict.verdict,
        "text": verdict.text,
        "reason": verdict.reason,
        "causes": [_cause(cause) for cause in verdict.causes],
        "odd": verdict.disagreements,
        **_letters(findings, positions),
    }


def _cause(cause: RootCause) -> list[Any]:
    return [cause.control, cause.because, cause.found, cause.explains]


def _resource(findings: Sequence[Finding], positions: Mapping[str, int]) -> dict[str, Any]:
    """What is no VM and has no verdict of its own: a policy, or a list that could not be read."""
    first = findings[0]
    return {
        "id": first.resource,
        "name": first.name,
        "host": "",
        "verdict": "",
        "text": "no VM",
        "reason": "",
        "causes": [],
        "odd": [],
        **_letters(findings, positions),
    }


def _letters(findings: Iterable[Finding], positions: Mapping[str, int]) -> dict[str, str]:
    """Outcomes and severities, here and by the other baseline, a letter for each control."""
    rows = {key: [NOTHING] * len(positions) for key in ("o", "s", "bo", "bs")}
    for finding in findings:
        at = positions[finding.control]
        rows["o"][at] = LETTERS[finding.outcome]
        rows["s"][at] = finding.severity[0]
        rows["bo"][at] = LETTERS[finding.other_baseline.outcome]
        rows["bs"][at] = finding.other_baseline.severity[0]
    return {key: "".join(letters) for key, letters in rows.items()}


def _detail(finding: Finding, texts: _Table, facts: _Table, *, in_full: bool) -> list[Any]:
    """Message, remediation where it is not the control's own, when and where it was read, facts, exemption, resource."""
    evidence = {k: v for k, v in finding.evidence.items() if k != "read_at"}
    told = [facts.add([name, value if in_full else _cut(value)]) for name, value in evidence.items()]
    read_at = str(finding.evidence.get("read_at") or "")
    exemption = finding.exemption.text if finding.exemption and finding.exemption.live else ""
    entries = (finding.message, finding.remediation, read_at, exemption, finding.resource)
    return [*(texts.add(entry) for entry in entries), told]


def _cut(value: object) -> object:
    text = msgspec.json.encode(value)
    if len(text) <= FACT_LIMIT:
        return value
    return f"{text[:FACT_LIMIT].decode(errors='ignore')} ... (the whole of it stands in compliance.json)"
