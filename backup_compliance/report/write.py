"""Makes the document of a run and writes every report that is rendered from it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from backup_compliance import __version__
from backup_compliance.guest.linux import LinuxGuest
from backup_compliance.report.findings import Document, Finding, RunInfo, verdicts
from backup_compliance.report.machine import write_json, write_junit
from backup_compliance.report.markdown import write_summary
from backup_compliance.run import Run

WRITERS: dict[str, Callable[[Document, Path], None]] = {
    "compliance.json": write_json,
    "junit.xml": write_junit,
    "summary.md": write_summary,
}


def versions() -> dict[str, str]:
    """What judged, by name and version."""
    return {
        "azure-backup-compliance": __version__,
        "Python": platform.python_version(),
        "pytest": version("pytest"),
        "pytest-testinfra": version("pytest-testinfra"),
    }


def make_document(run: Run, exit_status: int) -> Document:
    """Everything the run found out, ready to be rendered."""
    findings = run.collected.sorted()
    expected = {side: [c.id for c in run.catalogue.values() if c.side == side] for side in ("guest", "platform")}
    newest = run.baseline.thresholds
    return Document(
        run=RunInfo(
            started=run.started,
            finished=datetime.now(UTC),
            baseline=f"{run.baseline.name} ({run.baseline.title})",
            fail_on=run.fail_on,
            versions=versions(),
            scope=f"{len(run.guests)} guest{'s' if len(run.guests) != 1 else ''}, guest side only",
            facts=_facts_text(run),
            newest_agent=f"{newest.linux_agent_newest}, known on {newest.linux_agent_newest_date}",
            exit_status=exit_status,
            notes=[*run.notes, *_partial(run, findings), *run.exemption_notes(findings)],
        ),
        verdicts=verdicts(findings, expected, run.guests),
        findings=findings,
    )


def _partial(run: Run, findings: Sequence[Finding]) -> list[str]:
    """A run that was narrowed or cut short says so."""
    whole = {c.id for c in run.catalogue.values() if c.side == "guest"}
    resources = {f.resource for f in findings}
    done = {(f.control, f.resource) for f in findings}
    lines = []
    if partly := sum(any((c, r) not in done for c in whole) for r in resources):
        ran = len({f.control for f in findings})
        told = f"{ran} of {len(whole)} controls were run"
        lines.append(f"{partly} of {len(run.guests)} guests were judged in part only ({told})")
    if missing := len(set(run.guests) - resources):
        lines.append(f"{missing} of {len(run.guests)} guests were not judged at all")
    return lines


def _facts_text(run: Run) -> str:
    """What the facts are and between which moments they were read (UTC)."""
    clocks = {name: g.identity.collected_at for name, g in run.guests.items() if isinstance(g, LinuxGuest)}
    pairs = ((g.read_at and g.read_at.astimezone(UTC), clocks.get(g.name)) for g in run.facts.guests)
    # the older of the collector's and the guest's own clock, as --max-facts-age counts
    times = sorted(min(t for t in pair if t) for pair in pairs if any(pair))
    label = f"{run.facts.label}; " if run.facts.label else ""
    if not times:
        return f"{label}nothing was read"
    first, last = (t.strftime("%Y-%m-%d %H:%M") for t in (times[0], times[-1]))
    return f"{label}read {first} UTC" if first == last else f"{label}read between {first} and {last} UTC"


def write_reports(document: Document, folder: Path) -> list[Path]:
    """Write every report but the HTML one, which pytest-html writes; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, write in WRITERS.items():
        write(document, folder / name)
        written.append(folder / name)
    return written
