"""What a person at a terminal, or reading a CI log, sees at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from backup_compliance.judging.findings import Finding, Verdict, VmVerdict
from backup_compliance.model.recorded import Problem
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Outcome
from backup_compliance.report.document import Coverage, Document, gate_text

VMS: Final = 25
PER_VM: Final = 8
NAMES: Final = 10
_COLOURS: Final = {VmVerdict.READY: "green", VmVerdict.NOT_READY: "red", VmVerdict.NOT_ASSESSED: "yellow"}


def writer(config: pytest.Config) -> Callable[[str], None]:
    """A line to pytest's own terminal; nothing where there is none (xdist's workers)."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.get_verbosity() < -1:
        return lambda line: None
    write: Callable[[str], None] = reporter.write_line
    return write


def summarize(
    terminal: pytest.TerminalReporter, document: Document, problems: Mapping[str, Problem], written: Sequence[Path]
) -> None:
    """What was not read, the verdict per VM with its gating findings, coverage, the gate, the reports."""
    if problems:
        terminal.section("what was not read", yellow=True)
        for name, problem in sorted(problems.items())[:VMS]:
            terminal.write_line(f"{name.removeprefix('/subscriptions/')}: {printable(problem.reason)}")
            terminal.write_line(f"    -> {printable(problem.remedy)}")
        _rest(terminal, len(problems))
    terminal.section("Azure VM Backup compliance")
    gating: dict[str, list[Finding]] = {}
    for finding in document.findings:
        if finding.gates and finding.resource not in problems:
            gating.setdefault(finding.vm or "", []).append(finding)
    for verdict in document.verdicts[:VMS]:
        _verdict(terminal, verdict, gating.get(verdict.vm, []))
    _rest(terminal, len(document.verdicts))
    if others := gating.get(""):
        terminal.write_line("other resources")
        _findings(terminal, others, named=True)
    terminal.write_line("")
    for line in coverage_lines(document.coverage):
        terminal.write_line(line)
    for note in document.run.notes:
        terminal.write_line(f"note: {note}")
    terminal.write_line(f"facts: {document.run.facts}")
    terminal.write_line(gate_text(document))
    for path in written:
        terminal.write_line(f"report: {path}")


def _verdict(terminal: pytest.TerminalReporter, verdict: Verdict, gating: Sequence[Finding]) -> None:
    host = f" = {verdict.other_host}" if verdict.other_host else ""
    told = f"{verdict.text:26} {verdict.name}{host}{_aside(verdict)}"
    terminal.write_line(told, **{_COLOURS[verdict.verdict]: True})
    first = next((cause for cause in verdict.causes if cause.explains and gating), None)
    if first is not None:
        terminal.write_line(
            f"    likely root cause: {first.control} {first.because}; explains {', '.join(first.explains)}"
        )
    for line in verdict.disagreements:
        terminal.write_line(f"    guest and platform disagree: {line}")
    _findings(terminal, gating)


def _findings(terminal: pytest.TerminalReporter, gating: Sequence[Finding], *, named: bool = False) -> None:
    ordered = sorted(gating, key=lambda f: (-f.severity.rank, f.control))
    told: set[str] = set()
    for finding in ordered[:PER_VM]:
        kind = "" if finding.outcome == "non_compliant" else f"{finding.outcome}: "
        who = f"{finding.name}: " if named else ""
        terminal.write_line(f"    {finding.control} {finding.severity:8} {who}{kind}{finding.message}")
        if finding.outcome is Outcome.ERROR and finding.remediation not in told:
            told.add(finding.remediation)
            terminal.write_line(f"        -> {finding.remediation}")
    if len(ordered) > PER_VM:
        terminal.write_line(f"    ... and {len(ordered) - PER_VM} more")


def coverage_lines(coverage: Coverage) -> list[str]:
    """What only one side knows, in a line each."""
    lines = []
    for what, names in coverage.lists:
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        lines.append(f"coverage: {what} ({len(names)}): {', '.join(names[:NAMES])}{more}")
    return lines


def _aside(verdict: Verdict) -> str:
    """What did not gate and is still worth a look, and why a VM nothing is wrong with is not ready."""
    if verdict.verdict is VmVerdict.NOT_ASSESSED and not set(verdict.counts) & {Outcome.ERROR, Outcome.UNDETERMINED}:
        return f"  ({verdict.reason})"
    told = [f"{n} {o}" for o in ("advisory", "exempt", "undetermined") if (n := verdict.counts.get(Outcome(o), 0))]
    return f"  ({', '.join(told)})" if told else ""


def _rest(terminal: pytest.TerminalReporter, count: int) -> None:
    if count > VMS:
        terminal.write_line(f"... and {count - VMS} more; all of them are in the reports")
