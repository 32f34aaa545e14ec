"""Findings and verdicts: what a run concludes about resources and virtual machines."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from backup_compliance.catalogue.controls import Severity
from backup_compliance.judging.root_causes import RootCause
from backup_compliance.model.sanitize import sanitize_json
from backup_compliance.model.verdicts import Outcome

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


class AppliedExemption(msgspec.Struct, frozen=True, kw_only=True):
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
    exemption: AppliedExemption | None = None
    see: tuple[str, ...] = ()
    """Ids of the controls that judge its reason."""


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


def to_json(value: object) -> Any:
    """Evidence as JSON takes it: dataclasses as objects, versions and dates as text, all of it printable."""
    return sanitize_json(value, simple=_simple)


def _simple(value: object) -> object:
    """One level down: what this holds is made simple in its turn."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    if is_dataclass(value):  # `asdict` would copy what it holds, which is copied anyway
        return {f.name: getattr(value, f.name) for f in fields(value)}
    return str(value)
