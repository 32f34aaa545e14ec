"""One run: what was asked for, what was read, and how a test's end becomes a finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from backup_compliance.baselines import Baseline
from backup_compliance.controls import Control, Severity
from backup_compliance.exemptions import Exemptions
from backup_compliance.facts import Facts
from backup_compliance.guest.conditions import holding
from backup_compliance.guest.linux import LinuxGuest, parse_linux_guest
from backup_compliance.guest.output import parse_output
from backup_compliance.recorded import Problem, RecordedGuest
from backup_compliance.report.findings import BAD, Collected, Finding, OtherBaseline, plain
from backup_compliance.untrusted import printable
from backup_compliance.verdicts import NotApplicable, Outcome, Undetermined, Unreadable

MESSAGE_LIMIT = 600
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(slots=True)
class Run:
    """The state of one run; hooks ask it, it knows nothing of pytest."""

    baseline: Baseline
    other: Baseline
    exemptions: Exemptions
    catalogue: Mapping[str, Control]
    fail_on: Severity
    asks_guests: bool
    """Whether hosts or recorded guests were asked for at all."""
    max_facts_age: timedelta | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    facts: Facts = field(default_factory=Facts)
    guests: dict[str, LinuxGuest | Problem] = field(default_factory=dict)
    collected: Collected = field(default_factory=Collected)
    notes: list[str] = field(default_factory=list)
    printable_facts: dict[tuple[str, str], Any] = field(default_factory=dict)

    def take(self, facts: Facts) -> None:
        """Judge from `facts` from now on."""
        self.facts = facts
        self.guests = {g.name: self._open(g) for g in facts.guests}

    def _open(self, recorded: RecordedGuest) -> LinuxGuest | Problem:
        if recorded.problem is not None:
            return recorded.problem
        try:
            guest = parse_linux_guest(parse_output(recorded.output))
        except Unreadable as error:
            return Problem(error.missing, error.remedy)
        # by the collector's clock and by the guest's: the older of the two counts
        times = [t for t in (recorded.read_at, guest.identity.collected_at) if t is not None]
        age = self.started - min(times)
        if self.max_facts_age is not None and max(times) > self.started + CLOCK_TOLERANCE:
            return Problem("its facts are dated in the future", "set the clock of the guest or of the collector right")
        if self.max_facts_age is not None and age > self.max_facts_age:
            hours = self.max_facts_age.total_seconds() / 3600
            return Problem(
                f"its facts are {age.total_seconds() / 3600:.1f} hours old, the limit is {hours:g}",
                "collect again, or raise --max-facts-age",
            )
        return guest

    def guest(self, name: str) -> LinuxGuest:
        """The guest `name` with a fresh memory of what is asked; `Unreadable` where it was not read."""
        subject = self.guests[name]
        if isinstance(subject, Problem):
            raise Unreadable(f"{name} was not read: {subject.missing}", subject.remedy)
        return subject.observed()

    def problems(self) -> dict[str, Problem]:
        """Guests that could not be read as a whole, with what to do."""
        return {name: subject for name, subject in self.guests.items() if isinstance(subject, Problem)}

    def names(self, resource: str) -> list[str]:
        """What a resource goes by, for exemptions: its id only. A guest's own word for itself excuses nothing."""
        return [resource]

    def conclude(self, subject: Subject, end: Ending, elsewhere: Ending) -> Finding:
        """The finding behind how a test ended, here and with the other baseline's thresholds."""
        control = subject.control
        guest = subject.guest.observed() if subject.guest else None
        severity = self._severity(self.baseline, control, guest)
        outcome, message = end.outcome, end.message
        if outcome is Outcome.NON_COMPLIANT:
            outcome, message = self._excused(control, subject.resource, severity, message)
        return Finding(
            control=control.id,
            title=control.title,
            cause=control.cause,
            test=subject.test,
            side=control.side,
            resource=subject.resource,
            vm=subject.resource if control.side == "guest" and subject.resource in self.guests else None,
            outcome=outcome,
            severity=severity,
            gates=outcome is Outcome.ERROR
            or (outcome in (Outcome.NON_COMPLIANT, Outcome.UNDETERMINED) and severity.rank >= self.fail_on.rank),
            message=message or "holds",
            evidence=self._evidence(subject, end),
            remediation=end.remedy or (control.remediation if end.outcome in BAD else ""),
            source=f"{control.source.title} ({control.source.date})",
            other_baseline=OtherBaseline(
                name=self.other.name, severity=self._severity(self.other, control, guest), outcome=elsewhere.outcome
            ),
        )

    def _severity(self, baseline: Baseline, control: Control, guest: LinuxGuest | None) -> Severity:
        conditions = baseline.conditions(control.id)
        held = holding(conditions, guest, baseline.thresholds) if guest and conditions else ()
        if control.id not in baseline.severities:  # a control of the user's own is unknown to the other baseline
            return self.baseline.severity(control.id, held)
        return baseline.severity(control.id, held)

    def _excused(self, control: Control, resource: str, severity: Severity, message: str) -> tuple[Outcome, str]:
        exemption = self.exemptions.find(control.id, self.names(resource))
        if exemption is not None:
            if exemption.is_live(self.exemptions.today):
                by = f", approved by {printable(exemption.approved_by, 80)}" if exemption.approved_by else ""
                return (
                    Outcome.EXEMPT,
                    f"{message} - exempt until {exemption.expires_on}: {printable(exemption.reason)}{by}",
                )
            message = f"{message} - its exemption expired on {exemption.expires_on}"
        return (Outcome.NON_COMPLIANT if severity.rank >= self.fail_on.rank else Outcome.ADVISORY), message

    def _evidence(self, subject: Subject, end: Ending) -> dict[str, Any]:
        if subject.guest is None:
            return {}
        evidence = {"read_at": plain(subject.guest.identity.collected_at)}
        for name, value in subject.guest.evidence().items():
            # several controls rest on one fact; making it printable once is enough
            key = (subject.resource, name)
            evidence[name] = self.printable_facts[key] if key in self.printable_facts else plain(value)
            self.printable_facts[key] = evidence[name]
        if subject.control.cause in (2, 3) and end.outcome in BAD:
            evidence["debugging"] = plain(_debugging(subject.guest.observed()))
        return evidence

    def exemption_notes(self, findings: Iterable[Finding]) -> list[str]:
        """Exemptions that have run out or met no failure are worth a line in every report."""
        # while something that it covers was not read, whether it is needed cannot be told
        of_use = (Outcome.EXEMPT, Outcome.NON_COMPLIANT, Outcome.ADVISORY, Outcome.ERROR, Outcome.UNDETERMINED)
        seen = [(f.outcome, f.control, self.names(f.resource)) for f in findings]
        notes = []
        for entry in self.exemptions.entries:
            what = f"the exemption of {entry.control} for {printable(entry.resource, 80)}"
            if not entry.is_live(self.exemptions.today):
                notes.append(f"{what} expired on {entry.expires_on}")
            elif not any(entry.matches(entry.control, names) for _, _, names in seen):
                notes.append(f"{what} matches nothing that was judged; check its spelling")
            elif not any(entry.matches(control, names) for outcome, control, names in seen if outcome in of_use):
                notes.append(f"{what} met no failure; remove it")
        return notes


def _debugging(guest: LinuxGuest) -> str:
    """The article's debugging steps: whether verbose logging is on, how to turn it on, where the logs are."""
    try:
        verbose = guest.configuration is not None and guest.configuration.switch("Logs.Verbose", default=False)
    except Unreadable:
        verbose = False
    state = (
        "Logs.Verbose is on"
        if verbose
        else "Logs.Verbose is off: set Logs.Verbose=y in /etc/waagent.conf and restart the agent"
    )
    return f"{state}; logs: /var/log/waagent.log, /var/log/azure/, /var/lib/waagent/*.xml"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a test was about."""

    control: Control
    resource: str
    test: str
    """pytest's node id."""
    guest: LinuxGuest | None
    """With the memory of what the test asked for; None where the guest was not read."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a test ended, before severities and exemptions."""

    outcome: Outcome
    message: str
    remedy: str = ""
    """What to do about facts that could not be read."""


def ending(raised: BaseException | None, *, in_body: bool) -> Ending:
    """The outcome of an exception; an AssertionError counts as a verdict only when the body raised it."""
    if raised is None:
        return Ending(Outcome.COMPLIANT, "")
    if isinstance(raised, AssertionError) and in_body:
        # pytest appends the rewritten expression below the message
        return Ending(
            Outcome.NON_COMPLIANT, printable(str(raised).split("\nassert ")[0], MESSAGE_LIMIT) or "the assertion failed"
        )
    message = printable(str(raised), MESSAGE_LIMIT)
    match raised:
        case Undetermined():
            return Ending(Outcome.UNDETERMINED, message)
        case NotApplicable():
            return Ending(Outcome.NOT_APPLICABLE, message)
        case Unreadable():
            return Ending(
                Outcome.ERROR, printable(raised.missing, MESSAGE_LIMIT), printable(raised.remedy, MESSAGE_LIMIT)
            )
    broken = printable(f"{type(raised).__name__}: {raised}", MESSAGE_LIMIT)
    return Ending(
        Outcome.ERROR, broken, "this is a defect of the test or of the suite; report it with the guest's recording"
    )
