"""Asking controls directly comes to what a run of the product comes to."""

from __future__ import annotations

from pathlib import Path

from backup_compliance.gathering.folder import load_facts
from backup_compliance.model.verdicts import Outcome
from selftests.builders.product import judge_apart
from selftests.proof.bases import SAMPLES
from selftests.proof.direct import controls, ends_of_guest, ends_on_platform, opened


def test_direct_answers_are_those_of_a_run(tmp_path: Path) -> None:
    """Every control of every sample guest, machine and policy; exemptions and advice are a run's own business."""
    document = judge_apart(tmp_path, f"--facts={SAMPLES}").document
    facts = load_facts(SAMPLES)
    subjects, read_at = opened(facts), {g.name: g.read_at for g in facts.guests}
    unread = subjects.problems()
    told = {(f.control, f.resource.lower()): f.outcome for f in document.findings if f.resource not in unread}
    found = {(c.control, c.resource): e.outcome for c, e in ends_on_platform(subjects).items()}
    for path in (p for p in (SAMPLES / "guests").glob("*.txt") if p.stem not in unread):
        ends = ends_of_guest(path.read_bytes(), None, subjects.machine_around(path.stem), read_at[path.stem])
        found |= {(c, path.stem): e.outcome for c, e in ends.items()}
    own = {Outcome.ADVISORY: Outcome.NON_COMPLIANT, Outcome.EXEMPT: Outcome.NON_COMPLIANT}
    assert found == {case: own.get(outcome, outcome) for case, outcome in told.items()}


def test_every_control_is_known() -> None:
    """Each id once."""
    ids = [c.id for c in controls()]
    assert len(ids) == len(set(ids)) > 35
