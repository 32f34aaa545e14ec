"""The demo's samples: written by this project, up to date, and showing every control both ways."""

from __future__ import annotations

import pytest

from backup_compliance.catalogue.controls import load_catalogue
from backup_compliance.gathering.folder import load_facts
from backup_compliance.judging.findings import VmVerdict
from selftests.builders.product import ROOT, judge
from selftests.samples import FOLDER, LABEL, sample_facts


def test_samples_are_what_the_builder_writes() -> None:
    """`make samples` would change nothing."""
    wanted = sample_facts()
    found = load_facts(FOLDER)
    assert found.label == LABEL
    assert {g.name: (g.output, g.problem) for g in found.guests} == {
        g.name: (g.output, g.problem) for g in wanted.guests
    }


def test_demo_shows_every_control_compliant_and_not(pytester: pytest.Pytester) -> None:
    """Each control holds on one sample and fails on another; clean, failing and unreadable VMs are all there."""
    run = judge(pytester, f"--facts={FOLDER}", "--fail-on=low")
    assert run.status == 1
    outcomes: dict[str, set[str]] = {}
    for finding in run.document.findings:
        outcomes.setdefault(finding.control, set()).add(finding.outcome)
    assert set(outcomes) == set(load_catalogue(ROOT))
    lacking = {c for c, o in outcomes.items() if not {"compliant", "non_compliant"} <= o}
    assert not lacking
    verdicts = [v.verdict for v in run.document.verdicts]
    assert verdicts.count(VmVerdict.READY) >= 2
    assert VmVerdict.NOT_ASSESSED in verdicts
    assert LABEL in run.text
    failed = [f for f in run.document.findings if (f.control, f.outcome) == ("AVB-415", "non_compliant")]
    assert failed[0].see, "the controls that the vault's error names are lost on the way from the test to its finding"
