"""Makes the document of a run and writes every report that is rendered from it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from backup_compliance import __version__
from backup_compliance.catalogue.controls import Control
from backup_compliance.gathering.support_logs import SupportLog
from backup_compliance.judging.findings import Finding
from backup_compliance.judging.run import Run
from backup_compliance.judging.vm_verdicts import verdicts
from backup_compliance.platform.inventory import readable_of_type
from backup_compliance.platform.machine import Machine
from backup_compliance.report.document import ControlInfo, Coverage, Document, RunInfo
from backup_compliance.report.machine import write_json, write_junit
from backup_compliance.report.markdown import write_summary
from backup_compliance.report.sarif import write_sarif

SIDES = ("guest", "platform")
WRITERS: dict[str, Callable[[Document, Path], None]] = {
    "compliance.json": write_json,
    "junit.xml": write_junit,
    "compliance.sarif": write_sarif,
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


def make_document(run: Run, exit_status: int, logs: Sequence[SupportLog] = ()) -> Document:
    """Everything the run found out, ready to be rendered."""
    findings = run.collected.sorted()
    newest = run.baseline.thresholds
    partial = _partial(run, findings)
    exemptions = run.exemption_uses(findings, narrowed=bool(partial or run.narrowing))
    return Document(
        run=RunInfo(
            started=run.started,
            finished=datetime.now(UTC),
            baseline=f"{run.baseline.name} ({run.baseline.title})",
            fail_on=run.fail_on,
            versions=versions(),
            scope=_scope(run),
            facts=_facts_text(run),
            reads=_reads(run),
            newest_agent=f"{newest.linux_agent_newest}, known on {newest.linux_agent_newest_date}",
            exit_status=exit_status,
            notes=[*run.notes, *left_out(run), *partial, *(use.note for use in exemptions if use.note)],
        ),
        coverage=_coverage(run),
        controls=[_described(run, control) for control in run.catalogue.values()],
        exemptions=exemptions,
        logs=list(logs),
        verdicts=verdicts(findings, _expected(run), run.subjects.vms(), run.catalogue),
        findings=findings,
    )


def _expected(run: Run) -> dict[str, list[str]]:
    """The controls that a VM has to be judged by, for each side."""
    controls = [c for c in run.catalogue.values() if c.subject == "vm"]
    return {side: [c.id for c in controls if c.side == side] for side in SIDES}


def _described(run: Run, control: Control) -> ControlInfo:
    return ControlInfo(
        id=control.id,
        title=control.title,
        cause=control.cause,
        side=control.side,
        subject=control.subject,
        severity=run.baseline.severity(control.id),
        rationale=control.rationale,
        remediation=control.remediation,
        source=f"{control.source.title} ({control.source.date})",
        file=control.test.partition("::")[0],
        line=control.line,
        see=control.see,
        commands=control.commands,
    )


def _scope(run: Run) -> str:
    subjects = run.subjects
    parts = []
    if "guest" in subjects.sides:
        parts.append(counted(len(subjects.guests), "guest"))
    if "platform" in subjects.sides:
        machines = len(readable_of_type(subjects.machines, Machine))
        where = counted(len(run.facts.subscriptions), "subscription")
        parts.append(f"{counted(machines, 'virtual machine')} of {where}")
    if len(subjects.sides) == 1:
        return f"{parts[0]}, {min(subjects.sides)} side only"
    return f"{' and '.join(parts)}, {len(subjects.joined.host_of)} of them joined" if parts else "nothing"


def counted(number: int, what: str) -> str:
    """`1 guest`, `2 guests`."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def left_out(run: Run) -> list[str]:
    """Sides that were not asked for, and how many controls that leaves out."""
    how = {"guest": "--hosts, --hosts-file or facts/guests", "platform": "facts/arm"}
    counts = {side: sum(c.side == side for c in run.catalogue.values()) for side in SIDES}
    unasked = [s for s in SIDES if counts[s] and run.subjects.sides and s not in run.subjects.sides]
    return [f"the {s} side was not asked for: {counts[s]} controls were left out ({how[s]})" for s in unasked]


def _coverage(run: Run) -> Coverage:
    """What one side knows and the other does not; nothing where only one was asked."""
    if len(run.subjects.sides) < len(SIDES):
        return Coverage()
    vms = sorted(run.subjects.vms().values(), key=lambda vm: vm.name.casefold())
    read = run.subjects.read_guests()
    return Coverage(
        vms_without_guest=[vm.name for vm in vms if not vm.host],
        # of a host that was not read nobody knows which machine it is
        hosts_without_vm=[vm.host for vm in vms if not vm.on_platform and vm.host in read],
    )


def _partial(run: Run, findings: Sequence[Finding]) -> list[str]:
    """A run that was narrowed or cut short says so."""
    lines = []
    done = {(f.control, f.resource) for f in findings}
    resources = {f.resource for f in findings}
    expected = _expected(run)
    subjects = run.subjects
    machines = [m.identity.id for m in readable_of_type(subjects.machines, Machine).values()]
    for side, ids, what in (("guest", list(subjects.guests), "guest"), ("platform", machines, "virtual machine")):
        if partly := sum(r in resources and any((c, r) not in done for c in expected[side]) for r in ids):
            ran = len({f.control for f in findings} & set(expected[side]))
            told = f"{ran} of {len(expected[side])} controls were run"
            lines.append(f"{partly} of {len(ids)} {what}s were judged in part only ({told})")
        if missing := sum(r not in resources for r in ids):
            lines.append(f"{missing} of {len(ids)} {what}s were not judged at all")
    return lines


def _facts_text(run: Run) -> str:
    """What the facts are and between which moments they were read (UTC)."""
    times = sorted([*_guest_times(run), *(s.read_at.astimezone(UTC) for s in run.facts.subscriptions if s.read_at)])
    label = f"{run.facts.label}; " if run.facts.label else ""
    undated = sum(s.read_at is None for s in run.facts.subscriptions)
    told = f", {counted(undated, 'subscription')} of unknown date" if undated else ""
    if not times:
        return f"{label}{'of unknown date' if undated else 'nothing was read'}"
    return f"{label}read {_span(times)} UTC{told}"


def _guest_times(run: Run) -> list[datetime]:
    """The older of the collector's and the guest's own clock, as --max-facts-age counts."""
    clocks = {name: g.identity.collected_at for name, g in run.subjects.read_guests().items()}
    pairs = ((g.read_at and g.read_at.astimezone(UTC), clocks.get(g.name)) for g in run.facts.guests)
    return sorted(min(t for t in pair if t) for pair in pairs if any(pair))


def _span(times: Sequence[datetime]) -> str:
    first, last = (t.strftime("%Y-%m-%d %H:%M") for t in (times[0], times[-1]))
    return first if first == last else f"between {first} and {last}"


def _reads(run: Run) -> dict[str, str]:
    """When guests and each subscription were read."""
    guests = _guest_times(run)
    found = {counted(len(run.facts.guests), "guest"): f"{_span(guests)} UTC" if guests else "of unknown date"}
    if not run.facts.guests:
        found = {}
    for each in run.facts.subscriptions:
        when = f"{_span([each.read_at.astimezone(UTC)])} UTC" if each.read_at else "of unknown date"
        found[f"subscription {each.id}"] = when
    return found


def write_reports(document: Document, folder: Path) -> list[Path]:
    """Write every report but the HTML one, which pytest-html writes; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, write in WRITERS.items():
        write(document, folder / name)
        written.append(folder / name)
    return written
