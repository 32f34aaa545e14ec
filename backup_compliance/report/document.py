"""The document that every report is rendered from."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from backup_compliance.catalogue.controls import Commands, Severity
from backup_compliance.catalogue.exemptions import ExemptionReport
from backup_compliance.gathering.support_logs import SupportLog
from backup_compliance.judging.findings import Finding, Verdict, VmVerdict
from backup_compliance.model.verdicts import Outcome

SCHEMA: Final = 1


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What only one side knows, where both were asked."""

    vms_without_guest: list[str] = []
    """Names of virtual machines that no guest's facts belong to."""
    hosts_without_vm: list[str] = []
    """Hosts that were read and are no virtual machine of the subscriptions that were read."""

    @property
    def lists(self) -> list[tuple[str, list[str]]]:
        """What each list that is not empty holds, for every report alike."""
        told = (
            ("virtual machines without guest facts", self.vms_without_guest),
            ("hosts in no subscription that was read", self.hosts_without_vm),
        )
        return [(what, names) for what, names in told if names]


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a run."""

    started: datetime
    finished: datetime
    baseline: str
    fail_on: Severity
    versions: dict[str, str]
    scope: str
    facts: str
    """What the facts are and of what date."""
    reads: dict[str, str] = {}
    """When what was read: of all guests the span, of every subscription the moment."""
    newest_agent: str
    """The newest Azure Linux Agent that is known, and of what day that is."""
    exit_status: int
    notes: list[str] = []
    """What the reader has to know: expired exemptions, how a threshold was learned."""


class ControlInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A control as reports describe it."""

    id: str
    title: str
    cause: int
    side: str
    subject: str
    severity: Severity
    """The baseline's, before facts raise or lower it."""
    rationale: str
    remediation: str
    source: str
    """Title and date of the documentation."""
    file: str
    """Where its test stands, from the suite's own folder."""
    line: int
    see: tuple[str, ...] = ()
    """Ids of the controls that its remediation sends the reader to."""
    commands: Commands = Commands()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`compliance.json`: the machine-readable truth that every other report is rendered from."""

    schema: int = SCHEMA
    run: RunInfo
    coverage: Coverage
    controls: list[ControlInfo] = []
    """The catalogue, with the run's severities."""
    exemptions: list[ExemptionReport] = []
    logs: list[SupportLog] = []
    verdicts: list[Verdict]
    findings: list[Finding]


def gate_text(document: Document) -> str:
    """Whether the gate holds, in one line."""
    ready = sum(v.verdict is VmVerdict.READY for v in document.verdicts)
    gating = [f for f in document.findings if f.gates]
    what = f"{ready} of {len(document.verdicts)} VMs are ready"
    unread = sum(v.verdict is VmVerdict.NOT_ASSESSED and set(v.counts) == {Outcome.ERROR} for v in document.verdicts)
    what += f", {unread} could not be read" if unread else ""
    if (
        document.run.exit_status == 0
        and document.verdicts
        and not any(v.verdict is not VmVerdict.NOT_ASSESSED for v in document.verdicts)
    ):
        return "gate: passed for what was run; no VM was judged by every control (exit status 0)"
    if document.run.exit_status == 0:
        return f"gate: passed, {what} (exit status 0)"
    kinds = {o: sum(f.outcome == o for f in gating) for o in ("non_compliant", "error", "undetermined")}
    told = ", ".join(f"{n} {o.replace('_', '-')}" for o, n in kinds.items() if n)
    return f"gate: failed, {what}; {told or 'nothing was judged'} (exit status {document.run.exit_status})"
