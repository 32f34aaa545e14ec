"""Whether the last run took its snapshots, young and old, by whoever tells of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from backup_compliance.guest.extension_status.decisions import (
    RUN_LIMIT,
    RunJudgement,
    judge_reports,
    judge_runs,
    run_failure,
)
from backup_compliance.guest.extension_status.reading import ExtensionStatus, parse_status_text
from backup_compliance.model.verdicts import Undetermined
from selftests.builders.extension_reports import FAILED, GOOD, STARTED, UNDER_WAY, Report

YESTERDAY = STARTED - timedelta(days=1)
SOON = STARTED + timedelta(minutes=30)


def read(report: Report, **changes: object) -> ExtensionStatus:
    """The record of a report, with some of it replaced."""
    found = parse_status_text(report.text(), "7.status")
    return replace(found, **changes)  # type: ignore[arg-type]  # a table's values


@pytest.mark.parametrize("code", [0, 1, 3])
def test_done_run_holds(code: int) -> None:
    """All three are good ends."""
    assert judge_runs(read(replace(GOOD, code=code)), (), SOON) == RunJudgement(None)


@pytest.mark.parametrize(
    "code",
    [2, 11, 12, 13, 14, 15, 16, 17, 76, 85, 121, 122, 123, 124, 173, *range(300, 319), 402, *range(500, 513), 556, 761],
)
def test_run_with_a_bad_code_fails(code: int) -> None:
    """Whatever the outer status says; the code is named."""
    assert f"code {code}: " in (judge_runs(read(replace(GOOD, code=code)), (), SOON).failure or "")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (read(FAILED), "disk 1 of 1 failed: The snapshot count"),
        (read(replace(GOOD, disks=("true", False))), "disk 2 of 2 failed"),
        (read(replace(GOOD, code=85, disks=(False,) * 5)), "2 more disks"),
        (read(GOOD, statuses=("error",)), "code 1: done"),
        (read(GOOD, statuses=("error",), code=None), "an error without a code"),
        (read(replace(GOOD, code=9), statuses=("success", "error")), "code 9: not known here"),
        (read(UNDER_WAY, statuses=("success", "error")), "code 4"),
        (read(GOOD, code=1001), "code 1001: not known here"),
    ],
)
def test_failed_run_names_what_failed(status: ExtensionStatus, words: str) -> None:
    """A good code beside a failed disk or an error proves nothing."""
    assert words in (judge_runs(status, (), SOON).failure or "")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (read(GOOD, code=None), "no code"),
        (read(GOOD, statuses=("warning",)), "warning"),
        (read(GOOD, statuses=("transitioning",)), "transitioning"),
        (read(replace(GOOD, disks=("maybe",))), "does not say what became of disk 1 of 1"),
    ],
)
def test_doubtful_run_is_undetermined(status: ExtensionStatus, words: str) -> None:
    """It neither passes nor fails."""
    with pytest.raises(Undetermined, match=words):
        run_failure(status)


@pytest.mark.parametrize("age", [timedelta(0), RUN_LIMIT, -timedelta(minutes=5)])
def test_young_run_lets_the_one_before_it_decide(age: timedelta) -> None:
    """And says so; the newest of several counts."""
    earlier = [read(replace(FAILED, started=YESTERDAY - timedelta(days=1))), read(replace(GOOD, started=YESTERDAY))]
    judged = judge_runs(read(UNDER_WAY), earlier, STARTED + age)
    assert (judged.failure, judged.remark) == (
        None,
        "a run is under way since 2026-11-22 22:01 UTC; the one before it counts",
    )


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (replace(FAILED, started=YESTERDAY), "code 76"),
        (replace(UNDER_WAY, started=STARTED - timedelta(hours=1)), "never finished"),
    ],
)
def test_young_run_after_a_failed_one_fails(before: Report, words: str) -> None:
    """One that another one followed has ended, however young it is."""
    failure = judge_runs(read(UNDER_WAY), [read(before)], SOON).failure or ""
    assert words in failure
    assert "under way since 2026-11-22 22:01 UTC" in failure


@pytest.mark.parametrize("status", [read(UNDER_WAY), read(UNDER_WAY, code=None, statuses=("transitioning",))])
def test_young_run_alone_is_undetermined(status: ExtensionStatus) -> None:
    """Nothing else is known; a report of the same run is no run before it."""
    with pytest.raises(Undetermined, match="how the run before it ended is not known"):
        judge_runs(status, [status], SOON)


def test_run_that_is_older_than_it_may_last_never_finished() -> None:
    """Its reporter crashed, was refused by the host, or was killed."""
    late = STARTED + RUN_LIMIT + timedelta(seconds=1)
    judged = judge_runs(read(UNDER_WAY), [read(replace(GOOD, started=YESTERDAY))], late)
    assert "never finished" in (judged.failure or "")


@pytest.mark.parametrize(
    ("status", "now", "words"),
    [
        (read(UNDER_WAY), None, "when it was read"),
        (read(UNDER_WAY, started_at=None, written_at=None), SOON, "when it began"),
        (read(UNDER_WAY), STARTED - timedelta(minutes=6), "later than the reading"),
    ],
)
def test_run_of_unknown_age_is_undetermined(status: ExtensionStatus, now: datetime | None, words: str) -> None:
    """Without a clock nobody knows whether it is over."""
    with pytest.raises(Undetermined, match=words):
        judge_runs(status, [read(replace(GOOD, started=YESTERDAY))], now)


def test_run_without_a_start_is_as_old_as_its_report() -> None:
    """The time of writing stands in."""
    status = read(UNDER_WAY, started_at=None)
    assert "never finished" in (judge_runs(status, (), STARTED + timedelta(hours=3)).failure or "")


def test_newer_report_counts_whoever_tells_of_it() -> None:
    """And is named as the other side's."""
    old, new = read(replace(GOOD, started=YESTERDAY)), read(FAILED)
    told = judge_reports([old], [new], "the platform", SOON)
    own = judge_reports([new], [old], "the platform", SOON)
    assert told is not None
    assert own is not None
    assert told.failure == f"{own.failure}, as the platform tells: its report is newer"


def test_newer_good_report_of_the_other_side_is_remarked() -> None:
    """The older failure is past."""
    judged = judge_reports([read(replace(FAILED, started=YESTERDAY))], [read(GOOD)], "the guest", SOON)
    assert judged == RunJudgement(None, "as the guest tells: its report is newer")


def test_finished_report_of_the_same_run_counts() -> None:
    """One side was read while it was under way."""
    judged = judge_reports([read(UNDER_WAY)], [read(FAILED)], "the guest", SOON)
    assert judged is not None
    assert "code 76" in (judged.failure or "")


def test_same_report_on_both_sides_is_ones_own() -> None:
    """Nothing is said of the other."""
    assert judge_reports([read(GOOD)], [read(GOOD)], "the guest", SOON) == RunJudgement(None)


def test_no_report_is_no_verdict() -> None:
    """Whoever asks decides what that means."""
    assert judge_reports([], [], "the guest", SOON) is None
