"""How old facts may be: the margins around jobs, the age that messages tell, and when two readings speak of one moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backup_compliance.model.verdicts import Undetermined
from backup_compliance.platform.decisions.agent_and_power import power_failure
from backup_compliance.platform.decisions.ages import aged
from backup_compliance.platform.estate.attempts import has_own_point, is_newer, is_of, last_backup_has_point
from backup_compliance.platform.estate.backup import BackupJob
from backup_compliance.platform.estate.facts import Power, Status
from selftests.platform.decisions.test_backups import item, job

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
DONE = job(1, "Completed", 22)
"""From 22:00 to 23:00."""
START = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
END = START + timedelta(hours=1)
ENDLESS = replace(DONE, end=None)
ENDED = replace(DONE, start=None)


@pytest.mark.parametrize(
    ("last", "job", "newer"),
    [
        (END + 10 * MINUTE, DONE, False),
        (END + 10 * MINUTE + SECOND, DONE, True),
        (START + 30 * MINUTE, DONE, False),
        (START + 10 * MINUTE, ENDLESS, False),
        (START + 10 * MINUTE + SECOND, ENDLESS, True),
        (END + 10 * MINUTE + SECOND, ENDED, True),
        (END, replace(DONE, start=None, end=None), False),
        (None, DONE, False),
    ],
)
def test_last_backup_is_newer_than_a_job_that_had_ended(last: datetime | None, job: BackupJob, *, newer: bool) -> None:
    """Ten minutes after its end, or after its start where the end is not told."""
    assert is_newer(item(last_backup_time=last), job) is newer


@pytest.mark.parametrize(
    ("last", "job", "same"),
    [
        (START - 10 * MINUTE, DONE, True),
        (START - 10 * MINUTE - SECOND, DONE, False),
        (END + 10 * MINUTE, DONE, True),
        (END + 10 * MINUTE + SECOND, DONE, False),
        (START + 10 * MINUTE, ENDLESS, True),
        (START + 10 * MINUTE + SECOND, ENDLESS, False),
        (START, replace(DONE, start=None, end=None), False),
        (None, DONE, False),
    ],
)
def test_last_backup_is_a_job_of_that_time(last: datetime | None, job: BackupJob, *, same: bool) -> None:
    """Between ten minutes before its start and ten after its end."""
    assert is_of(item(last_backup_time=last), job) is same


@pytest.mark.parametrize(
    ("point", "job", "own"),
    [
        (START, DONE, True),
        (START - SECOND, DONE, False),
        (END, DONE, True),
        (END + SECOND, DONE, False),
        (START + timedelta(hours=1), ENDLESS, True),
        (START + timedelta(hours=1, seconds=1), ENDLESS, False),
        (START, ENDED, False),
        (None, DONE, False),
    ],
)
def test_recovery_point_is_of_the_job_that_made_it(point: datetime | None, job: BackupJob, *, own: bool) -> None:
    """From between its start and its end; a job without a start has none that is known."""
    assert has_own_point(job, point) is own


@pytest.mark.parametrize(
    ("point", "own"),
    [(START, True), (END, True), (START - SECOND, False), (END + SECOND, False), (None, False)],
)
def test_recovery_point_is_of_the_last_backup(point: datetime | None, *, own: bool) -> None:
    """Within an hour of its time."""
    assert last_backup_has_point(item(last_backup_time=START, last_recovery_point=point)) is own
    assert not last_backup_has_point(item(last_backup_time=None, last_recovery_point=point))


@pytest.mark.parametrize(
    ("time", "read_at", "text"),
    [
        (NOW - timedelta(days=2), NOW, ", 2 days before the reading"),
        (NOW - timedelta(days=2) + SECOND, NOW, ""),
        (NOW - timedelta(days=12, hours=3), NOW, ", 12 days before the reading"),
        (NOW + timedelta(days=9), NOW, ""),
        (NOW - timedelta(days=12), None, ""),
        (None, NOW, ""),
    ],
)
def test_old_fact_says_so(time: datetime | None, read_at: datetime | None, text: str) -> None:
    """From two days on, where both times are known."""
    assert aged(time, read_at) == text


FINE = Status("ProvisioningState/succeeded", "", "", None)


def stopped(state: str = "stopped") -> Power:
    """A machine that does not run."""
    return Power(state, FINE, False, "test")


@pytest.mark.parametrize("state", ["stopped", "deallocated"])
@pytest.mark.parametrize("gap", [timedelta(0), timedelta(minutes=15), -timedelta(minutes=15)])
def test_guest_that_answered_at_that_moment_contradicts(state: str, gap: timedelta) -> None:
    """Within a quarter of an hour of the reading, before or after."""
    failure = power_failure(stopped(state), NOW, NOW + gap)
    assert failure is not None
    assert f"ARM says {state}, and the guest answered at" in failure


@pytest.mark.parametrize("gap", [timedelta(minutes=15, seconds=1), -timedelta(minutes=15, seconds=1)])
def test_guest_that_answered_at_another_time_says_nothing_of_the_state(gap: timedelta) -> None:
    """It was started or stopped in between."""
    assert power_failure(stopped("deallocated"), NOW, NOW + gap) is None
    assert "shut down from inside" in (power_failure(stopped(), NOW, NOW + gap) or "")


@pytest.mark.parametrize("state", ["stopped", "deallocated"])
def test_undated_reading_and_an_answer_are_undetermined(state: str) -> None:
    """Which of them spoke last is not recorded; without an answer the state stands."""
    with pytest.raises(Undetermined, match="which of them spoke last"):
        power_failure(stopped(state), None, NOW)
    assert (power_failure(stopped(state), None, None) is None) is (state == "deallocated")


def test_running_machine_may_answer_at_any_time() -> None:
    """That is no contradiction, dated or not."""
    assert power_failure(stopped("running"), None, NOW) is None
    assert power_failure(stopped("running"), NOW, NOW) is None
