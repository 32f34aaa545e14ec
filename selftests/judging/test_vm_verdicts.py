"""One verdict a VM: what gates, what is missing, which side was seen, and in which order they stand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from packaging.version import Version

from backup_compliance.catalogue.controls import Severity, load_catalogue
from backup_compliance.judging.findings import Collected, Finding, OtherBaseline, Verdict, VmVerdict, to_json
from backup_compliance.judging.vm_verdicts import verdicts
from backup_compliance.model.recorded import Problem
from backup_compliance.model.verdicts import Outcome
from selftests.builders.product import ROOT

CATALOGUE = load_catalogue(ROOT)
WELL, BAD, ADVICE, UNKNOWN, ERROR, NOT_APPLICABLE, EXEMPT = (
    Outcome.COMPLIANT,
    Outcome.NON_COMPLIANT,
    Outcome.ADVISORY,
    Outcome.UNDETERMINED,
    Outcome.ERROR,
    Outcome.NOT_APPLICABLE,
    Outcome.EXEMPT,
)


def finding(control: str = "AVB-201", outcome: Outcome = WELL, **fields: Any) -> Finding:
    """What one control came to for the VM `vm`; what is bad gates unless it is said otherwise."""
    given: dict[str, Any] = {
        "control": control,
        "title": f"title of {control}",
        "cause": int(control[4]),
        "test": f"tests::{control}",
        "side": "platform" if control[5] == "1" else "guest",
        "resource": "vm",
        "name": "vm",
        "vm": "vm",
        "outcome": outcome,
        "severity": Severity.HIGH,
        "gates": outcome in (BAD, UNKNOWN, ERROR),
        "message": f"message of {control}",
        "evidence": {},
        "remediation": "",
        "source": "",
        "other_baseline": OtherBaseline(name="current", severity=Severity.LOW, outcome=outcome),
    }
    return Finding(**(given | fields))


def judged(*findings: Finding, known: tuple[str, str, bool] = ("vm", "", True), **expected: set[str]) -> Verdict:
    """The one verdict on `vm`."""
    (found,) = verdicts(findings, expected, {"vm": known}, CATALOGUE)
    return found


def test_vm_is_ready_where_every_control_ran_and_nothing_gates() -> None:
    """Advice and exemptions do not stand in the way."""
    found = judged(
        finding(),
        finding("AVB-203", ADVICE),
        finding("AVB-211", EXEMPT),
        guest={"AVB-201", "AVB-203"},
        platform={"AVB-211"},
    )
    assert (found.verdict, found.reason, found.sides) == (VmVerdict.READY, "", "")
    assert found.counts == {WELL: 1, ADVICE: 1, EXEMPT: 1}


@pytest.mark.parametrize("outcome", [WELL, ADVICE, EXEMPT])
def test_one_judged_control_is_enough_to_be_assessed(outcome: Outcome) -> None:
    """What does not apply says nothing of the VM."""
    assert judged(finding(outcome=outcome), known=("vm", "h", False)).verdict is VmVerdict.READY
    nothing = judged(finding(outcome=NOT_APPLICABLE), known=("vm", "h", False))
    assert (nothing.verdict, nothing.reason) == (VmVerdict.NOT_ASSESSED, "no control applied to it")


def test_vm_without_findings_was_not_judged() -> None:
    """It is in the table all the same."""
    assert judged().reason == "not judged in this run"


def test_control_that_did_not_run_keeps_a_vm_from_being_ready() -> None:
    """Of each side that something was read of."""
    expected = {"guest": {"AVB-201", "AVB-204"}, "platform": {"AVB-211"}}
    found = judged(finding(), known=("vm", "host", False), **expected)
    assert (found.verdict, found.reason) == (VmVerdict.NOT_ASSESSED, "only 1 of 2 controls were run")
    both = judged(finding(), finding("AVB-204"), known=("vm", "host", True), **expected)
    assert both.reason == "only 2 of 3 controls were run"
    assert judged(finding(), finding("AVB-204"), known=("vm", "host", False), **expected).verdict is VmVerdict.READY
    more = judged(finding(), finding("AVB-204"), finding("AVB-402"), known=("vm", "host", True), **expected)
    assert more.reason == "only 2 of 3 controls were run"


def test_side_that_was_read_counts_though_nobody_judged_it() -> None:
    """The host was read and no control of the guest ran."""
    found = judged(finding("AVB-211"), known=("vm", "host", True), guest={"AVB-201"}, platform={"AVB-211"})
    assert (found.verdict, found.sides) == (VmVerdict.NOT_ASSESSED, "platform only")


@pytest.mark.parametrize(("control", "sides"), [("AVB-201", "guest only"), ("AVB-211", "platform only")])
def test_verdict_says_which_side_it_rests_on(control: str, sides: str) -> None:
    """And its text, but for a VM that was not assessed."""
    found = judged(finding(control))
    assert (found.sides, found.text) == (sides, f"ready ({sides})")
    missing = judged(finding(control, NOT_APPLICABLE))
    assert missing.text == "not assessed"
    assert replace_sides(found).text == "ready"


def replace_sides(verdict: Verdict) -> Verdict:
    """The same on both sides."""
    return Verdict(vm=verdict.vm, name="", host="", verdict=verdict.verdict, sides="", reason="", counts={})


def test_proven_failure_is_the_reason_before_what_is_not_known() -> None:
    """An error gates, too, and says less; the likely root cause goes before a worse effect."""
    error = finding("AVB-101", ERROR, severity=Severity.CRITICAL)
    cause = finding("AVB-404", BAD, severity=Severity.LOW)
    effect = finding("AVB-405", BAD, severity=Severity.CRITICAL)
    found = judged(error, effect, cause)
    assert (found.verdict, found.reason) == (VmVerdict.NOT_READY, "AVB-404 title of AVB-404")
    assert [c.control for c in found.causes] == ["AVB-404", "AVB-101"]


def test_worst_failure_is_the_reason_among_independent_ones() -> None:
    """Then the lower id."""
    low, high = finding("AVB-202", BAD, severity=Severity.LOW), finding("AVB-504", BAD, severity=Severity.HIGH)
    assert judged(low, high).reason.startswith("AVB-504")
    assert judged(finding("AVB-203", BAD), finding("AVB-202", BAD)).reason.startswith("AVB-202")


@pytest.mark.parametrize("outcome", [UNKNOWN, ERROR])
def test_open_question_that_gates_leaves_a_vm_unassessed(outcome: Outcome) -> None:
    """Its message is the reason; below the gate it does not stand in the way."""
    found = judged(finding(), finding("AVB-204", outcome))
    assert (found.verdict, found.reason) == (VmVerdict.NOT_ASSESSED, "message of AVB-204")
    assert judged(finding(), finding("AVB-204", UNKNOWN, gates=False)).verdict is VmVerdict.READY


def test_failure_that_does_not_gate_does_not_decide() -> None:
    """Only what gates makes a VM not ready."""
    assert judged(finding(), finding("AVB-204", BAD, gates=False)).verdict is VmVerdict.READY


def test_verdicts_are_listed_worst_first_then_by_name() -> None:
    """In any case of the names; findings of policies are nobody's."""
    vms = {f"/{n}": (n, "", True) for n in ("b", "A", "c", "d", "E")}
    bad = finding("AVB-211", BAD)
    findings = [
        replace_vm(bad, "/d"),
        replace_vm(bad, "/A"),
        replace_vm(finding("AVB-211"), "/b"),
        replace_vm(finding("AVB-211"), "/E"),
        replace_vm(finding("AVB-503", BAD), None),
    ]
    found = verdicts(findings, {}, vms, CATALOGUE)
    assert [(v.name, v.verdict.value) for v in found] == [
        ("A", "not ready"),
        ("d", "not ready"),
        ("c", "not assessed"),
        ("b", "ready"),
        ("E", "ready"),
    ]


def test_vms_of_one_name_are_listed_by_id() -> None:
    """Whatever the order they were read in."""
    vms = {"/y": ("web", "", True), "/X": ("WEB", "", True)}
    assert [v.vm for v in verdicts([], {}, vms, CATALOGUE)] == ["/X", "/y"]


def test_finding_of_a_vm_that_nobody_named_has_a_verdict() -> None:
    """Under its id."""
    (found,) = verdicts([replace_vm(finding(), "/z")], {}, {}, CATALOGUE)
    assert (found.vm, found.name, found.host, found.sides) == ("/z", "/z", "", "guest only")


def replace_vm(found: Finding, vm: str | None) -> Finding:
    """The same finding for another VM."""
    return finding(found.control, found.outcome, vm=vm)


def test_contradictions_of_a_vm_are_told() -> None:
    """Between its own findings."""
    assert judged(finding(), finding("AVB-211", BAD)).disagreements[0].startswith("AVB-201: ")
    assert judged(finding()).disagreements == []


@pytest.mark.parametrize(
    ("host", "shown"), [("vm", ""), ("/vm", ""), ("", ""), ("10.0.0.4", "10.0.0.4"), ("other", "other")]
)
def test_host_is_told_where_it_says_more_than_the_name(host: str, shown: str) -> None:
    """Neither the name again, nor the id."""
    verdict = Verdict(vm="/vm", name="vm", host=host, verdict=VmVerdict.READY, sides="", reason="", counts={})
    assert verdict.other_host == shown


def test_worst_finding_of_one_test_stays() -> None:
    """A teardown that fails after a pass, and nothing that comes after a failure."""
    collected = Collected()
    error, bad, advice, well = (finding(outcome=o) for o in (ERROR, BAD, ADVICE, WELL))
    quiet = finding(outcome=UNKNOWN, gates=False)
    for each in (well, quiet, advice):
        collected.add(each)
    assert collected.sorted() == [quiet]
    for each in (bad, error, well):
        collected.add(each)
    assert collected.sorted() == [bad]


def test_findings_are_kept_apart_and_listed_by_resource_and_control() -> None:
    """By control, resource and test."""
    collected = Collected()
    several = [
        finding("AVB-204", resource="b"),
        finding(resource="b"),
        finding(resource="A"),
        finding(resource="A", test="other"),
    ]
    for each in several:
        collected.add(each)
    assert [(f.resource, f.control) for f in collected.sorted()] == [
        ("A", "AVB-201"),
        ("A", "AVB-201"),
        ("b", "AVB-201"),
        ("b", "AVB-204"),
    ]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (BAD, "current: non-compliant, low"),
        (ERROR, "current: error, low"),
        (UNKNOWN, "current: undetermined, low"),
        (WELL, "current: compliant"),
        (NOT_APPLICABLE, "current: not-applicable"),
    ],
)
def test_other_baseline_tells_a_severity_of_what_is_bad(outcome: Outcome, text: str) -> None:
    """And none where nothing is wrong."""
    assert OtherBaseline(name="current", severity=Severity.LOW, outcome=outcome).text == text


def test_evidence_is_plain_json() -> None:
    """Times in UTC, dates, versions and dataclasses."""
    east = timezone(timedelta(hours=2))
    assert to_json(datetime(2026, 11, 23, 10, 0, 0, 999, tzinfo=east)) == "2026-11-23T08:00:00+00:00"
    assert to_json(date(2026, 11, 23)) == "2026-11-23"
    assert to_json({"v": Version("1.2"), "p": Problem("x", "y")}) == {"v": "1.2", "p": {"missing": "x", "remedy": "y"}}
    assert to_json(datetime(2026, 11, 23, tzinfo=UTC)) == "2026-11-23T00:00:00+00:00"
