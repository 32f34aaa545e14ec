"""Findings, and the document that every report is rendered from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from backup_compliance.catalogue.controls import Severity
from backup_compliance.catalogue.exemptions import ExemptionUse
from backup_compliance.judging.root_causes import RootCause
from backup_compliance.model.sanitize import safe
from backup_compliance.model.verdicts import Outcome

SCHEMA: Final = 1
JUDGED: Final = (Outcome.COMPLIANT, Outcome.NON_COMPLIANT, Outcome.ADVISORY, Outcome.EXEMPT)
BAD: Final = (Outcome.NON_COMPLIANT, Outcome.ERROR, Outcome.UNDETERMINED)


class OtherBaseline(msgspec.Struct, frozen=True):
    """What the other built-in baseline says of the same facts."""

    name: str
    severity: Severity
    outcome: Outcome

    @property
    def text(self) -> str:
        """`current: non-compliant, low`; without a severity where nothing is wrong."""
        outcome = self.outcome.replace("_", "-")
        return f"{self.name}: {outcome}, {self.severity}" if self.outcome in BAD else f"{self.name}: {outcome}"


class Excuse(msgspec.Struct, frozen=True, kw_only=True):
    """The exemption that speaks of a failure, live or not."""

    reason: str
    owner: str
    expires_on: date
    ticket: str
    live: bool

    @property
    def text(self) -> str:
        """`exempt until 2027-01-31: vendor image, owner A. Auditor, ticket 4711`."""
        ticket = f", ticket {self.ticket}" if self.ticket else ""
        return f"exempt until {self.expires_on}: {self.reason}, owner {self.owner}{ticket}"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one control came to for one resource."""

    control: str
    title: str
    cause: int
    test: str
    side: str
    resource: str
    """Resource id, or host id."""
    name: str
    """The resource's name for people."""
    vm: str | None
    """Whose verdict it counts for: the VM's resource id, or the host id of a guest that ARM does not know."""
    outcome: Outcome
    severity: Severity
    gates: bool
    """Whether it alone makes the run fail."""
    message: str
    evidence: dict[str, Any]
    remediation: str
    source: str
    other_baseline: OtherBaseline
    exemption: Excuse | None = None


class VmVerdict(StrEnum):
    """The verdict on one VM."""

    READY = "ready"
    NOT_READY = "not ready"
    NOT_ASSESSED = "not assessed"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One VM's verdict, why, and how many of its controls came to what."""

    vm: str
    """Resource id; the host id of a guest that is in no subscription that was read."""
    name: str
    host: str
    """The host id of its guest; empty when none was read."""
    verdict: VmVerdict
    sides: str
    """`guest only`, `platform only`, or empty for both."""
    reason: str
    counts: dict[Outcome, int]
    causes: list[RootCause] = []
    """What likely lies behind what gates, the first to look at first."""
    disagreements: list[str] = []
    """Where guest and platform contradict each other."""

    @property
    def other_host(self) -> str:
        """The host id where it tells more than the name; else empty."""
        return "" if self.host in (self.name, self.vm) else self.host

    @property
    def text(self) -> str:
        """`ready (guest only)`."""
        return (
            f"{self.verdict} ({self.sides})"
            if self.sides and self.verdict is not VmVerdict.NOT_ASSESSED
            else str(self.verdict)
        )


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


class SupportLog(msgspec.Struct, frozen=True, kw_only=True):
    """The support logs of one guest with a failed control."""

    host: str
    file: str
    """The archive, relative to the reports; empty where nothing came."""
    told: str
    """What came, or why nothing did."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`compliance.json`: the machine-readable truth that every other report is rendered from."""

    schema: int = SCHEMA
    run: RunInfo
    coverage: Coverage
    controls: list[ControlInfo] = []
    """The catalogue, with the run's severities."""
    exemptions: list[ExemptionUse] = []
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


@dataclass(slots=True)
class Collected:
    """Findings as they come in, one for each control and resource; the worst stays."""

    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Keep `finding`; a later one of the same test (a failed teardown) only if it is worse."""
        key = (finding.control, finding.resource, finding.test)
        known = self.findings.get(key)
        if known is None or _weight(finding) > _weight(known):
            self.findings[key] = finding

    def sorted(self) -> list[Finding]:
        """By resource, then control."""
        return sorted(self.findings.values(), key=lambda f: (f.resource.casefold(), f.control))


def _weight(finding: Finding) -> int:
    return 2 if finding.gates else 1 if finding.outcome in BAD else 0


def plain(value: object) -> Any:
    """Evidence as JSON takes it: dataclasses as objects, versions and dates as text, all of it printable."""
    return safe(value, simple=_simple)


def _simple(value: object) -> object:
    """One level down: what this holds is made simple in its turn."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):  # `asdict` would copy what it holds, which is copied anyway
        return {f.name: getattr(value, f.name) for f in fields(value)}
    return str(value)
