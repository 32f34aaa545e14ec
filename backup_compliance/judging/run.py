"""One run: what was asked for, what was read, and how a test's end becomes a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from backup_compliance.catalogue.baselines import Baseline
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.catalogue.controls import Control, Severity
from backup_compliance.catalogue.exemptions import ExemptionReport, Exemptions
from backup_compliance.gathering.folder import Facts
from backup_compliance.guest.conditions import holding
from backup_compliance.guest.linux.agent_layouts import DEFAULT, AgentLayout
from backup_compliance.guest.linux.guest import LinuxGuest
from backup_compliance.guest.recording import Guest
from backup_compliance.guest.windows.guest import WindowsGuest
from backup_compliance.judging.findings import BAD, AppliedExemption, Collected, Finding, OtherBaseline, to_json
from backup_compliance.judging.selection import Selection
from backup_compliance.judging.subjects import Subjects, open_subjects
from backup_compliance.judging.test_results import TestResult
from backup_compliance.model.recorded import RecordedSubscription
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Outcome, Undetermined, Unreadable
from backup_compliance.platform.estate.lookup import normalize_id, subscription_of
from backup_compliance.platform.estate.resource_types import ON_REQUEST
from backup_compliance.platform.inventory import readable_of_type
from backup_compliance.platform.machine import Machine
from backup_compliance.platform.policy import Policy

NOTE_LIMIT = 20
WINDOWS_LOGS = r"logs: C:\WindowsAzure\Logs\WaAppAgent.log, C:\WindowsAzure\Logs\Plugins\Microsoft.Azure.RecoveryServices.VMSnapshot"


@dataclass(slots=True)
class Run:
    """The state of one run; hooks ask it, it knows nothing of pytest."""

    baseline: Baseline
    other: Baseline
    exemptions: Exemptions
    catalogue: Mapping[str, Control]
    fail_on: Severity
    asked: bool
    """Whether hosts or recorded facts were named at all."""
    max_facts_age: timedelta | None = None
    narrowing: Selection = field(default_factory=Selection)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    facts: Facts = field(default_factory=Facts)
    subjects: Subjects = field(default_factory=Subjects)
    collected: Collected = field(default_factory=Collected)
    notes: list[str] = field(default_factory=list)
    printable_facts: dict[tuple[int, str], Any] = field(default_factory=dict)
    observing: list[Guest | Machine | Policy] = field(default_factory=list)
    """Whom the running test asks, each with the memory of what it asked for."""

    def take(self, facts: Facts) -> None:
        """Judge from `facts` from now on; `ConfigurationError` where they hold nothing of what the run is narrowed to."""
        self.facts = facts
        self.notes += _shortened(facts.notes)
        self.subjects = open_subjects(facts, datetime.now(UTC), self.max_facts_age)
        self.notes += unanswered_notes(facts.subscriptions)
        if self.narrowing:
            self._narrow()
        self.notes += self.subjects.joined.contradictions
        if {"guest", "platform"} <= self.subjects.sides and self.subjects.has_unknown_machines:
            self.notes.append(
                "some virtual machines could not be read or have no vmId; a host that matches no other may be one of them"
            )

    def _narrow(self) -> None:
        whole = len(readable_of_type(self.subjects.machines, Machine))
        if "platform" not in self.subjects.sides:
            raise ConfigurationError(
                f"{self.narrowing}: this selects virtual machines of ARM, and no subscription was read; add --subscription=ID, or list the hosts with --hosts"
            )
        self.subjects = self.subjects.narrowed(self.narrowing)
        left = len(readable_of_type(self.subjects.machines, Machine))
        if whole and not left:
            raise ConfigurationError(f"{self.narrowing}: no virtual machine matches ({whole} were read)")
        self.notes.append(f"narrowed by {self.narrowing}: {left} of {whole} virtual machines are judged")

    def vm_of(self, side: str, resource: str) -> str | None:
        """The VM that a guest or a machine belongs to: its resource id, else the host id; None for what is no VM."""
        subjects = self.subjects
        by_id = subjects.joined.machine_of if side == "guest" else subjects.keys
        key = by_id.get(resource if side == "guest" else normalize_id(resource))
        machine = subjects.machines.get(key) if key is not None else None
        if isinstance(machine, Machine):
            return machine.identity.id
        return resource if resource in subjects.guests else None

    def names(self, resource: str) -> list[str]:
        """What a resource goes by, for exemptions: its id; its name too where ARM gives that.

        A guest's own word for itself excuses nothing: it goes by its virtual machine's names once ARM knows its VM id.
        """
        joined = self.subjects.joined.machine_of.get(resource)
        key = joined or self.subjects.keys.get(normalize_id(resource), "")
        machine = self.subjects.machines.get(key)
        policy = self.subjects.policies.get(key)
        if isinstance(machine, Machine):
            host = self.subjects.joined.host_of.get(key, "")
            return [resource, machine.identity.id, machine.identity.name, host]
        return [resource, policy.name] if isinstance(policy, Policy) else [resource]

    def conclude(self, subject: Subject, end: TestResult, elsewhere: Callable[[], TestResult]) -> Finding:
        """The finding behind how a test ended, here and with the other baseline's thresholds."""
        control = subject.control
        evidence = self._evidence(subject, end)  # before the other baseline asks for more
        here, there = (self._severity(b, control, subject) for b in (self.baseline, self.other))
        outcome, message, exemption = end.outcome, end.message, None
        if outcome in BAD:
            message += self._would_raise(subject)
        if outcome is Outcome.NON_COMPLIANT:
            exemption = self._exemption(control, subject.resource)
            outcome, message = _excused(exemption, message, gates=here.rank >= self.fail_on.rank)
        return Finding(
            control=control.id,
            title=control.title,
            cause=control.cause,
            test=subject.test,
            side=control.side,
            resource=subject.resource,
            name=self.subjects.name_of(subject.resource),
            vm=self.vm_of(control.side, subject.resource),
            outcome=outcome,
            severity=here,
            gates=outcome is Outcome.ERROR
            or (
                outcome in (Outcome.NON_COMPLIANT, Outcome.UNDETERMINED)
                and end.may_gate
                and here.rank >= self.fail_on.rank
            ),
            message=message or "; ".join(["requirement met", *(r for each in subject.observed for r in each.remarks)]),
            evidence=evidence,
            remediation=end.remedy or _remediation(control, end, subject.guest),
            source=f"{control.source.title} ({control.source.date})",
            other_baseline=OtherBaseline(name=self.other.name, severity=there, outcome=elsewhere().outcome),
            exemption=exemption,
            see=end.see,
        )

    def _severity(self, baseline: Baseline, control: Control, subject: Subject) -> Severity:
        if control.id not in baseline.severities:  # a control of the user's own is unknown to the other baseline
            baseline = self.baseline
        conditions = baseline.conditions(control.id)
        if subject.guest is None or not conditions:
            return baseline.severity(control.id, ())
        return baseline.severity(control.id, holding(conditions, subject.guest.for_one_test(), baseline.thresholds))

    def _would_raise(self, subject: Subject) -> str:
        """What of a guest that was not read would change the severity of a platform control."""
        conditions = self.baseline.conditions(subject.control.id)
        if not conditions or subject.guest is not None or subject.control.side == "guest":
            return ""
        told = " or ".join(c.replace("-", " ") for c in conditions)
        return f" (its guest was not read; the severity changes if {told})"

    def _exemption(self, control: Control, resource: str) -> AppliedExemption | None:
        entry = self.exemptions.find(control.id, self.names(resource))
        if entry is None:
            return None
        return AppliedExemption(
            reason=printable(entry.reason),
            owner=printable(entry.owner, 80),
            expires_on=entry.expires_on,
            ticket=printable(entry.ticket, 80),
            live=entry.is_live(self.exemptions.now),
        )

    def _evidence(self, subject: Subject, end: TestResult) -> dict[str, Any]:
        evidence: dict[str, Any] = {}
        for observed in subject.observed:
            found = {"read_at": to_json(read_at(observed)), **self._facts(observed)}
            # a machine's own facts come first, those of its guest below one key
            evidence |= {"guest": found} if evidence else found
        if subject.guest is not None and subject.control.cause in (2, 3) and end.outcome in BAD:
            evidence["debugging"] = to_json(_debugging(subject.guest.for_one_test()))
        return evidence

    def _facts(self, observed: Guest | Machine | Policy) -> dict[str, Any]:
        found = {}
        for name, value in observed.evidence().items():
            # several controls rest on one fact; making it printable once is enough
            key = (id(observed.fact_cache), name)
            found[name] = self.printable_facts[key] if key in self.printable_facts else to_json(value)
            self.printable_facts[key] = found[name]
        return found

    def failed_hosts(self) -> set[str]:
        """Host ids of guests that a control was not met for, on either side."""
        host_of = {self.vm_of("guest", host): host for host in self.subjects.guests}
        failed = {f.vm for f in self.collected.findings.values() if f.outcome is Outcome.NON_COMPLIANT}
        return {host for vm, host in host_of.items() if vm in failed}

    def exemption_uses(self, findings: Sequence[Finding], *, narrowed: bool) -> list[ExemptionReport]:
        """What became of every exemption; in a narrowed run a missing match proves nothing."""
        seen = [(f.outcome, f.control, self.names(f.resource)) for f in findings]
        return self.exemptions.uses(seen, self.catalogue, narrowed=narrowed)


def _shortened(notes: Sequence[str]) -> list[str]:
    """The first NOTE_LIMIT notes, and how many more there are."""
    more = len(notes) - NOTE_LIMIT
    return [
        *notes[:NOTE_LIMIT],
        *([f"... and {more} more guests or subscriptions that were read twice"] if more > 0 else []),
    ]


def _excused(exemption: AppliedExemption | None, message: str, *, gates: bool) -> tuple[Outcome, str]:
    """What a failure comes to under an exemption, if there is one."""
    if exemption is not None and exemption.live:
        return Outcome.EXEMPT, f"{message} - {exemption.text}"
    told = "" if exemption is None else f" - its exemption expired on {exemption.expires_on}"
    return (Outcome.NON_COMPLIANT if gates else Outcome.ADVISORY), f"{message}{told}"


def unanswered_notes(subscriptions: Iterable[RecordedSubscription]) -> Iterator[str]:
    """What `--verify-live` asked of Azure in vain: the verdicts stand without it, and say so loudly."""
    for each in subscriptions:
        unanswered = [p for p in each.problems if p.type in ON_REQUEST]
        if unanswered:
            first = unanswered[0]
            yield f"--verify-live: {len(unanswered)} questions to Azure in subscription {each.id} were not answered, the first: {printable(first.reason)} ({printable(first.remedy)})"


def _remediation(control: Control, end: TestResult, guest: Guest | None) -> str:
    if end.outcome is Outcome.ERROR:  # what the control's subject should do helps nobody to read it
        return RECOLLECT
    if end.outcome not in BAD:
        return ""
    if isinstance(guest, WindowsGuest):
        return control.windows_remediation or control.remediation
    path = DEFAULT.configuration if guest is None else _layout(guest).configuration
    return control.remediation.replace(DEFAULT.configuration, path)


def read_at(observed: Guest | Machine | Policy) -> datetime | None:
    """When the facts of one subject were read, UTC; None where nobody recorded that."""
    if isinstance(observed, Guest):
        return observed.identity.collected_at
    resource = observed.identity.id if isinstance(observed, Machine) else observed.id
    return observed.estate.read_at(subscription_of(resource))


def _debugging(guest: Guest) -> str:
    """The article's debugging steps: whether verbose logging is on, how to turn it on, where the logs are."""
    if isinstance(guest, WindowsGuest):
        return WINDOWS_LOGS
    try:
        verbose = guest.configuration is not None and guest.configuration.switch("Logs.Verbose", default=False)
    except (Unreadable, Undetermined):
        verbose = False
    layout = _layout(guest)
    to_do = f"Logs.Verbose is off: set Logs.Verbose=y in {layout.configuration} and restart the agent"
    state = "Logs.Verbose is on" if verbose else to_do
    return f"{state}; logs: /var/log/waagent.log, /var/log/azure/, {layout.state_folder}/*.xml"


def _layout(guest: LinuxGuest) -> AgentLayout:
    """Where the agent is on this guest; as on most, where that was not read."""
    try:
        return guest.for_one_test().layout  # it is no evidence of the test that asked for something else
    except Unreadable:
        return DEFAULT


@dataclass(frozen=True, slots=True)
class Subject:
    """What a test was about."""

    control: Control
    resource: str
    test: str
    """pytest's node id."""
    observed: Sequence[Guest | Machine | Policy] = ()
    """With the memory of what the test asked for; empty where nothing was read."""
    guest: Guest | None = None
    """The guest, or the one inside the machine; None where it was not read."""
