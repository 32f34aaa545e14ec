"""How a test's end becomes a finding: severities, gates, exemptions, evidence, remedies and what goes by which name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from backup_compliance.catalogue.baselines import load_baseline
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.catalogue.controls import Severity, load_catalogue
from backup_compliance.catalogue.exemptions import Exemption, Exemptions, ExemptionStatus
from backup_compliance.gathering.folder import Facts
from backup_compliance.judging import test_results
from backup_compliance.judging.run import NOTE_LIMIT, Run, Subject, read_at, unanswered_notes
from backup_compliance.judging.selection import Selection
from backup_compliance.model.recorded import ReadProblem, RecordedGuest
from backup_compliance.model.verdicts import Outcome
from selftests.builders.arm import READ_AT, Subscription, machine, subscription, vault_id, vm_id
from selftests.builders.product import ROOT
from selftests.builders.recordings import CONF, Recording, ubuntu
from selftests.builders.windows_recordings import windows

CATALOGUE = load_catalogue(ROOT)
DOCUMENTED, CURRENT = load_baseline("documented"), load_baseline("current")
VM, POLICY = vm_id("sample"), f"{vault_id()}/backupPolicies/daily-2200"
WELL, BAD, ADVICE, UNKNOWN, ERROR, NOT_APPLICABLE, EXEMPT = (
    Outcome.COMPLIANT,
    Outcome.NON_COMPLIANT,
    Outcome.ADVISORY,
    Outcome.UNDETERMINED,
    Outcome.ERROR,
    Outcome.NOT_APPLICABLE,
    Outcome.EXEMPT,
)
SOON = date(2999, 1, 1)
SAMPLE = subscription()


def taken(
    *given: Subscription,
    guests: dict[str, Recording] | None = None,
    problems: tuple[ReadProblem, ...] = (),
    notes: tuple[str, ...] = (),
    **fields: Any,
) -> Run:
    """A run that has taken these facts."""
    recorded = tuple(RecordedGuest(n, g.output(), READ_AT) for n, g in (guests or {}).items())
    subscriptions = tuple(replace(s.recorded(), problems=(*s.problems, *problems)) for s in given)
    settings: dict[str, Any] = {
        "baseline": DOCUMENTED,
        "other": CURRENT,
        "exemptions": Exemptions(),
        "fail_on": Severity.LOW,
    }
    run = Run(catalogue=CATALOGUE, asked=True, **(settings | fields))
    run.take(Facts(recorded, subscriptions, notes=notes))
    return run


BOTH = {"web01": ubuntu("sample", 4), "stray": ubuntu("stray", 77)}


def concluded(run: Run, control: str, end: Outcome, resource: str = VM, **fields: Any) -> Any:
    """The finding of `control` that ended so."""
    result = test_results.TestResult(end, fields.pop("message", "its message"), fields.pop("remedy", ""))
    subject = Subject(CATALOGUE[control], resource, "test", **fields)
    return run.conclude(subject, result, lambda: test_results.TestResult(NOT_APPLICABLE, ""))


# --- notes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "last"), [(NOTE_LIMIT, "19"), (NOTE_LIMIT + 2, "... and 2 more")])
def test_notes_of_a_merge_are_bounded(count: int, last: str) -> None:
    """The first of many, and how many there are."""
    notes = taken(SAMPLE, notes=tuple(str(n) for n in range(count))).notes
    assert notes[:NOTE_LIMIT] == [str(n) for n in range(NOTE_LIMIT)]
    assert notes[-1].startswith(last)
    assert len(notes) == min(count, NOTE_LIMIT + 1)


def test_unanswered_questions_to_azure_are_noted_once() -> None:
    """How many, and the first; what is missing of ordinary lists stands in findings."""
    problems = (
        ReadProblem("locks", "403 locks"),
        ReadProblem("nextHops", "timeout", "ask later", scope=VM),
        ReadProblem("ipFlows", "409", scope=VM),
    )
    (note,) = unanswered_notes([replace(SAMPLE.recorded(), problems=problems)])
    assert "2 questions" in note
    assert "timeout (ask later)" in note
    assert list(unanswered_notes([replace(SAMPLE.recorded(), problems=problems[:1])])) == []


@pytest.mark.parametrize(
    ("given", "guests", "noted"),
    [
        (SAMPLE, BOTH, False),
        (SAMPLE.refused("virtualMachines"), BOTH, True),
        (SAMPLE.cut("virtualMachines", "sample", "properties.vmId"), BOTH, True),
        (SAMPLE.refused("virtualMachines"), {}, False),
    ],
    ids=["known", "list-refused", "no-id", "no-guests"],
)
def test_host_that_may_be_an_unread_machine_is_noted(
    given: Subscription,
    guests: dict[str, Recording],
    noted: bool,  # noqa: FBT001  # a table
) -> None:
    """Only where there are hosts, and machines that nobody could tell."""
    notes = taken(given, guests=guests).notes
    assert any("may be one of them" in n for n in notes) is noted


def test_claims_that_cannot_all_be_true_are_noted() -> None:
    """Two guests of one VM id."""
    notes = taken(SAMPLE, guests={"a": ubuntu("sample", 4), "b": ubuntu("sample", 4)}).notes
    assert any("a, b all read the VM id" in n for n in notes)


def test_narrowing_says_what_is_left() -> None:
    """Of how many; to nothing is wrong usage, and so is a run without machines."""
    two = SAMPLE.add("virtualMachines", machine("other", 9))
    run = taken(two, narrowing=Selection(machines=("sample",)))
    assert run.notes == ["narrowed by --vm=sample: 1 of 2 virtual machines are judged"]
    with pytest.raises(ConfigurationError, match="no virtual machine matches"):
        taken(two, narrowing=Selection(machines=("nobody",)))
    with pytest.raises(ConfigurationError, match="no subscription was read"):
        taken(guests=BOTH, narrowing=Selection(machines=("sample",)))
    assert taken(SAMPLE.put("virtualMachines"), narrowing=Selection(machines=("x",))).notes


# --- who is who ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "resource", "vm"),
    [
        ("guest", "web01", VM),
        ("guest", "stray", "stray"),
        ("guest", "nobody", None),
        ("platform", VM, VM),
        ("platform", f"{VM.upper()}/", VM),
        ("platform", POLICY, None),
        ("platform", "stray", "stray"),
        ("platform", "platform side", None),
    ],
)
def test_finding_counts_for_its_vm(side: str, resource: str, vm: str | None) -> None:
    """A joined guest for its machine, a policy for nobody."""
    assert taken(SAMPLE, guests=BOTH).vm_of(side, resource) == vm


def test_machine_that_was_not_read_is_nobodys_vm() -> None:
    """Its list stands for it."""
    run = taken(SAMPLE.refused("virtualMachines"))
    (key,) = run.subjects.machines
    assert run.vm_of("platform", key) is None


def test_exemption_finds_a_machine_by_every_name_that_arm_gives() -> None:
    """A guest goes by its machine's names once they are joined; alone by its host id only."""
    run = taken(SAMPLE, guests=BOTH)
    assert run.names("web01") == ["web01", VM, "sample", "web01"]
    assert run.names(VM) == [VM, VM, "sample", "web01"]
    assert run.names("stray") == ["stray"]
    assert run.names(POLICY) == [POLICY, "daily-2200"]
    assert taken(SAMPLE).names(VM) == [VM, VM, "sample", ""]


# --- severity, gates, exemptions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fail_on", list(Severity))
@pytest.mark.parametrize("control", ["AVB-101", "AVB-103", "AVB-203", "AVB-205"])
def test_failure_gates_from_the_chosen_severity_on(control: str, fail_on: Severity) -> None:
    """Below it a failure is advice, an open question does not gate; an error always does."""
    run = taken(SAMPLE, guests=BOTH, fail_on=fail_on)
    severity = DOCUMENTED.severities[control]
    gates = severity.rank >= fail_on.rank
    bad, unknown, error, well, absent = (
        concluded(run, control, o, "stray") for o in (BAD, UNKNOWN, ERROR, WELL, NOT_APPLICABLE)
    )
    assert (bad.outcome, bad.gates) == ((BAD, True) if gates else (ADVICE, False))
    assert (unknown.outcome, unknown.gates) == (UNKNOWN, gates)
    assert (error.outcome, error.gates, well.gates, absent.gates) == (ERROR, True, False, False)
    assert {f.severity for f in (bad, unknown, error, well, absent)} == {severity}


def exempting(expires_on: date = SOON, **fields: str) -> Exemptions:
    """One exemption of AVB-101 for the sample, today being the day of the facts."""
    entry = {"control": "AVB-101", "resource": "sample", "reason": "vendor\x07 image", "owner": "A. Auditor"} | fields
    return Exemptions([Exemption(expires_on=expires_on, **entry)], READ_AT)


def test_live_exemption_excuses_a_failure_and_nothing_else() -> None:
    """With its words; errors and open questions stay."""
    run = taken(SAMPLE, guests=BOTH, exemptions=exempting(ticket="4711"))
    found = concluded(run, "AVB-101", BAD, "web01")
    assert (found.outcome, found.gates) == (EXEMPT, False)
    assert found.message.endswith("- exempt until 2999-01-01: vendor image, owner A. Auditor, ticket 4711")
    assert found.exemption is not None
    assert found.exemption.live
    for other in (ERROR, UNKNOWN, WELL):
        told = concluded(run, "AVB-101", other, "web01")
        assert (told.outcome, told.exemption) == (other, None)
    assert concluded(run, "AVB-102", BAD, "web01").outcome is BAD
    assert concluded(run, "AVB-101", BAD, "stray").outcome is BAD


def test_expired_exemption_excuses_nothing_and_is_told() -> None:
    """A failure is one again, with the day."""
    run = taken(SAMPLE, guests=BOTH, exemptions=exempting(date(2026, 11, 22)))
    found = concluded(run, "AVB-101", BAD, "web01")
    assert (found.outcome, found.gates) == (BAD, True)
    assert found.message == "its message - its exemption expired on 2026-11-22"
    assert found.exemption is not None
    assert not found.exemption.live


def test_exemption_below_the_gate_excuses_advice_too() -> None:
    """Exempt is exempt; expired, it is advice again."""
    live = taken(SAMPLE, guests=BOTH, exemptions=exempting(control="AVB-205"), fail_on=Severity.CRITICAL)
    assert concluded(live, "AVB-205", BAD, "web01").outcome is EXEMPT
    old = taken(
        SAMPLE, guests=BOTH, exemptions=exempting(date(2026, 1, 1), control="AVB-205"), fail_on=Severity.CRITICAL
    )
    assert concluded(old, "AVB-205", BAD, "web01").outcome is ADVICE


@pytest.mark.parametrize(("outcome", "status"), [(EXEMPT, ExemptionStatus.USED), (WELL, ExemptionStatus.UNNEEDED)])
def test_use_of_an_exemption_is_told_by_the_names_of_what_was_judged(outcome: Outcome, status: ExemptionStatus) -> None:
    """By the machine's name, though the finding is the guest's."""
    run = taken(SAMPLE, guests=BOTH, exemptions=exempting())
    finding = concluded(run, "AVB-101", BAD if outcome is EXEMPT else outcome, "web01")
    (use,) = run.exemption_uses([finding], narrowed=False)
    assert use.standing is status
    elsewhere = concluded(run, "AVB-101", WELL, "stray")
    (unmatched,) = run.exemption_uses([elsewhere], narrowed=False)
    assert unmatched.standing is ExemptionStatus.UNMATCHED
    (narrowed,) = run.exemption_uses([elsewhere], narrowed=True)
    assert narrowed.standing is ExemptionStatus.NOT_JUDGED


def test_severity_hangs_on_the_guest_where_the_baseline_says_so() -> None:
    """Today AVB-101 is advice, unless the snapshot starts in the guest; the other baseline is asked likewise."""
    inside = ubuntu("sample", 4).config("/etc/azure/vmbackup.conf", "SnapshotMethod = onlyGuest").reported()
    run = taken(SAMPLE, guests={"web01": inside, "stray": BOTH["stray"]}, baseline=CURRENT, other=DOCUMENTED)
    guests = run.subjects.read_guests()
    for control, resource in (("AVB-101", "web01"), ("AVB-111", VM)):
        raised = concluded(run, control, BAD, resource, guest=guests["web01"])
        assert (raised.severity, raised.other_baseline.severity) == (Severity.HIGH, Severity.CRITICAL)
        plain = concluded(run, control, BAD, resource, guest=guests["stray"])
        assert plain.severity is Severity.LOW
    turned = taken(SAMPLE, guests={"web01": inside}, baseline=DOCUMENTED, other=CURRENT)
    found = concluded(turned, "AVB-101", BAD, "web01", guest=turned.subjects.read_guests()["web01"])
    assert (found.severity, found.other_baseline.severity) == (Severity.CRITICAL, Severity.HIGH)


def test_what_an_unread_guest_would_raise_is_told() -> None:
    """Of a platform control whose severity hangs on its guest, where it did not hold."""
    run = taken(SAMPLE, guests=BOTH, baseline=CURRENT, other=DOCUMENTED)
    told = "(its guest was not read; the severity changes if snapshot starts in guest or agent below minimum)"
    for outcome in (BAD, UNKNOWN, ERROR):
        assert concluded(run, "AVB-111", outcome).message == f"its message {told}"
    assert concluded(run, "AVB-111", WELL).message == "its message"
    assert concluded(run, "AVB-112", BAD).message == "its message"
    assert concluded(run, "AVB-101", BAD, "stray").message == "its message"
    guest = run.subjects.read_guests()["web01"]
    assert concluded(run, "AVB-111", BAD, guest=guest).message == "its message"


def test_control_of_the_users_own_has_one_severity() -> None:
    """The other baseline does not know it."""
    own = replace(CATALOGUE["AVB-504"], id="AVB-599")
    severities = {**DOCUMENTED.severities, "AVB-599": Severity.HIGH}
    changed = taken(SAMPLE, guests=BOTH, baseline=msgspec.structs.replace(DOCUMENTED, severities=severities))
    end = test_results.TestResult(BAD, "x")
    found = changed.conclude(Subject(own, "stray", "test"), end, lambda: end)
    assert (found.severity, found.other_baseline.severity) == (Severity.HIGH, Severity.HIGH)


# --- words and evidence ----------------------------------------------------------------------------------------------


def test_finding_carries_its_control_and_its_resource() -> None:
    """Names for people, the source with its date, and how the other baseline ends."""
    run = taken(SAMPLE, guests=BOTH)
    found = concluded(run, "AVB-211", WELL, message="")
    control = CATALOGUE["AVB-211"]
    assert (found.control, found.title, found.cause, found.side) == ("AVB-211", control.title, 2, "platform")
    assert (found.resource, found.name, found.vm, found.message) == (VM, "sample", VM, "requirement met")
    assert found.source == f"{control.source.title} ({control.source.date})"
    assert (found.other_baseline.name, found.other_baseline.outcome) == ("current", NOT_APPLICABLE)
    assert concluded(run, "AVB-201", WELL, "web01").name == "sample (web01)"


def test_remedy_is_the_facts_own_else_the_controls() -> None:
    """What could not be read is to be collected again; what holds needs none; Windows has words of its own."""
    run = taken(SAMPLE, guests={"web01": ubuntu("sample", 4), "win01": windows()})
    guests = run.subjects.read_guests()
    control = CATALOGUE["AVB-101"]
    assert concluded(run, "AVB-101", BAD, "web01", guest=guests["web01"]).remediation == control.remediation
    assert concluded(run, "AVB-101", UNKNOWN, "web01").remediation == control.remediation
    assert concluded(run, "AVB-101", BAD, "win01", guest=guests["win01"]).remediation == control.windows_remediation
    assert concluded(run, "AVB-211", BAD, guest=guests["win01"]).remediation == CATALOGUE["AVB-211"].remediation
    assert concluded(run, "AVB-101", ERROR, "web01").remediation == "collect again"
    assert concluded(run, "AVB-101", ERROR, "web01", remedy="mend it").remediation == "mend it"
    assert concluded(run, "AVB-101", WELL, "web01").remediation == ""
    assert concluded(run, "AVB-101", NOT_APPLICABLE, "web01").remediation == ""


@pytest.mark.parametrize(
    ("control", "outcome", "told"),
    [
        ("AVB-201", BAD, True),
        ("AVB-302", UNKNOWN, True),
        ("AVB-204", ERROR, True),
        ("AVB-211", BAD, True),
        ("AVB-201", WELL, False),
        ("AVB-201", NOT_APPLICABLE, False),
        ("AVB-101", BAD, False),
        ("AVB-402", BAD, False),
    ],
)
def test_debugging_is_told_of_agent_and_extension_that_fail(control: str, outcome: Outcome, told: bool) -> None:  # noqa: FBT001  # a table
    """The article's steps, for causes 2 and 3."""
    run = taken(SAMPLE, guests=BOTH)
    found = concluded(run, control, outcome, "web01", guest=run.subjects.read_guests()["web01"])
    assert ("debugging" in found.evidence) is told
    assert "debugging" not in concluded(run, control, outcome, "web01").evidence


@pytest.mark.parametrize(
    ("guest", "told"),
    [
        (ubuntu(), "Logs.Verbose is off: set Logs.Verbose=y"),
        (
            ubuntu().config("/etc/waagent.conf", CONF.replace("Logs.Verbose=n", "Logs.Verbose=y")),
            "Logs.Verbose is on; logs",
        ),
        (ubuntu().config("/etc/waagent.conf", None), "Logs.Verbose is off"),
        (ubuntu().state("/etc/waagent.conf", "unreadable"), "Logs.Verbose is off"),
        (windows(), r"C:\WindowsAzure\Logs\WaAppAgent.log"),
    ],
)
def test_debugging_says_whether_the_log_is_verbose(guest: Recording, told: str) -> None:
    """And where the logs are; on Windows only that."""
    run = taken(guests={"g": guest})
    found = concluded(run, "AVB-201", BAD, "g", guest=run.subjects.read_guests()["g"])
    assert told in found.evidence["debugging"]


def test_evidence_tells_what_was_asked_and_when_it_was_read() -> None:
    """The machine's facts first, those of its guest below one key; unprintable texts are escaped."""
    run = taken(SAMPLE, guests=BOTH)
    machine, guest = run.subjects.machine(VM.lower()), run.subjects.guest("web01")
    _ = machine.power, guest.processes
    machine.add_evidence("shown", "a\x07b")
    found = concluded(run, "AVB-411", BAD, observed=[machine, guest], guest=guest).evidence
    assert list(found) == ["read_at", "power", "shown", "guest"]
    assert (found["read_at"], found["shown"]) == ("2026-11-23T08:00:00+00:00", "a b")
    assert list(found["guest"]) == ["read_at", "processes"]
    alone = concluded(run, "AVB-201", WELL, "web01", observed=[guest]).evidence
    assert [n for n in alone if n in ("read_at", "power", "processes")] == ["read_at", "processes"]
    assert concluded(run, "AVB-411", WELL).evidence == {}


def test_evidence_of_one_fact_is_made_printable_once_for_each_subject() -> None:
    """Two machines have facts of one name."""
    run = taken(SAMPLE.add("virtualMachines", machine("other", 9)))
    found = []
    for name in ("sample", "other"):
        subject = run.subjects.machine(vm_id(name).lower())
        subject.add_evidence("own", [name])
        found.append(concluded(run, "AVB-213", WELL, vm_id(name), observed=[subject]).evidence["own"])
    assert found == [["sample"], ["other"]]
    again = run.subjects.machine(VM.lower())
    again.add_evidence("own", ["sample"])
    assert concluded(run, "AVB-213", WELL, observed=[again]).evidence["own"] is found[0]


def test_time_of_reading_is_the_subjects_own() -> None:
    """A guest's clock, its subscription's date for a machine and a policy; None where nobody wrote it down."""
    run = taken(SAMPLE, guests=BOTH)
    (policy_key,) = run.subjects.policies
    for subject in (run.subjects.guest("web01"), run.subjects.machine(VM.lower()), run.subjects.policy(policy_key)):
        assert read_at(subject) == READ_AT
    undated = taken(Subscription(SAMPLE.lists, read_at=None, raw=SAMPLE.raw))
    assert read_at(undated.subjects.machine(VM.lower())) is None


def test_hosts_of_vms_that_fail_on_either_side_are_known() -> None:
    """Their logs are worth fetching; advice, errors and other VMs are not."""
    run = taken(SAMPLE, guests={**BOTH, "well": ubuntu("well", 78)})
    for control, outcome, resource in (
        ("AVB-213", BAD, VM),
        ("AVB-204", ERROR, "well"),
        ("AVB-203", WELL, "stray"),
    ):
        run.collected.add(concluded(run, control, outcome, resource))
    assert run.failed_hosts() == {"web01"}
    run.collected.add(concluded(run, "AVB-204", BAD, "stray"))
    assert run.failed_hosts() == {"web01", "stray"}


def test_age_limit_of_a_run_is_kept() -> None:
    """Facts older than that count as unread, on both sides."""
    old = taken(SAMPLE, guests=BOTH, max_facts_age=timedelta(seconds=1))
    assert not old.subjects.read_guests()
    assert set(old.subjects.problems()) > {"web01", "stray"}
