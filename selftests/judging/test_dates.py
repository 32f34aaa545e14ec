"""Facts of the wrong date: one rule for guests and subscriptions, whoever's clock told it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from backup_compliance.catalogue.baselines import load_baseline
from backup_compliance.catalogue.controls import Severity
from backup_compliance.catalogue.exemptions import Exemptions
from backup_compliance.gathering.folder import Facts
from backup_compliance.judging.run import Run
from backup_compliance.judging.subjects import open_subjects
from backup_compliance.model.recorded import CLOCK_TOLERANCE, Problem, RecordedGuest
from selftests.builders.arm import READ_AT, Subscription, subscription, vm_id
from selftests.builders.recordings import EPOCH, Recording, ubuntu
from selftests.builders.windows_recordings import windows

NOW: Final = READ_AT + timedelta(hours=1)
SOON, DAY = timedelta(minutes=1), timedelta(days=1)
FUTURE, OLD = "dated in the future", "hours old"
LINUX = ubuntu()


def _guest(read_at: datetime | None, guest: Recording = LINUX) -> str:
    """Why a guest does not count as read, or nothing; its own clock shows `READ_AT`."""
    facts = Facts((RecordedGuest("web01", guest.output(), read_at),))
    found = open_subjects(facts, NOW, max_age=None).guests["web01"]
    return f"{found.reason} ({found.remedy})" if isinstance(found, Problem) else ""


def _clock(ahead: timedelta) -> Recording:
    return LINUX.edit("meta", (f"epoch={EPOCH}", f"epoch={EPOCH + int(ahead.total_seconds())}"))


def _subscription(read_at: datetime | None, max_age: timedelta | None = None) -> str:
    kept = subscription()
    facts = Facts(subscriptions=(Subscription(kept.lists, read_at=read_at, raw=kept.raw).recorded(),))
    (found,) = open_subjects(facts, NOW, max_age).machines.values()
    return f"{found.reason} ({found.remedy})" if isinstance(found, Problem) else ""


@pytest.mark.parametrize("guest", [LINUX, windows()], ids=["linux", "windows"])
def test_guest_of_the_future_is_never_judged(guest: Recording) -> None:
    """By the collector's clock, with no limit of age asked for."""
    assert not _guest(NOW + CLOCK_TOLERANCE - SOON, guest)
    told = _guest(NOW + CLOCK_TOLERANCE + SOON, guest)
    assert FUTURE in told
    assert "guests.web01.read_at in facts.json" in told


def test_subscription_of_the_future_is_never_judged() -> None:
    """By the same rule."""
    assert not _subscription(NOW + CLOCK_TOLERANCE - SOON)
    told = _subscription(NOW + CLOCK_TOLERANCE + SOON)
    assert FUTURE in told
    assert ".read_at in facts.json" in told


def test_guests_own_clock_is_a_fact_to_be_judged() -> None:
    """Two days ahead of the collector's: the guest was read all the same."""
    assert not _guest(READ_AT, _clock(2 * DAY))


def test_guests_own_clock_counts_where_there_is_no_other() -> None:
    """Output that was brought by hand has no other date."""
    assert not _guest(None)
    assert not _guest(None, _clock(NOW - READ_AT + CLOCK_TOLERANCE - SOON))
    told = _guest(None, _clock(2 * DAY))
    assert FUTURE in told
    assert "the guest's clock" in told


@pytest.mark.parametrize(
    ("read_at", "ahead", "said"),
    [
        (READ_AT, timedelta(), ""),
        (READ_AT, 2 * DAY, ""),
        (None, timedelta(), ""),
        (READ_AT - 3 * DAY, timedelta(), OLD),
        (READ_AT, -3 * DAY, OLD),
        (None, -3 * DAY, OLD),
    ],
)
def test_older_clock_counts_where_age_matters(read_at: datetime | None, ahead: timedelta, said: str) -> None:
    """`--max-facts-age`: neither clock makes old facts young."""
    facts = Facts((RecordedGuest("web01", _clock(ahead).output(), read_at),))
    found = open_subjects(facts, NOW, DAY).guests["web01"]
    assert isinstance(found, Problem) is bool(said)
    assert not said or said in str(found)


def test_undated_subscription_is_an_error_only_where_age_matters() -> None:
    """Nobody knows whether it is old."""
    assert not _subscription(None)
    assert "is not recorded" in _subscription(None, DAY)
    assert OLD in _subscription(READ_AT - DAY, DAY)


def test_long_reading_is_not_the_future() -> None:
    """Large fleets take longer to read than clocks may differ: what counts is the moment of judging."""
    baseline = load_baseline("documented")
    run = Run(baseline, baseline, Exemptions(), {}, Severity.LOW, asked=True, started=READ_AT)
    kept = subscription()
    read = Subscription(kept.lists, read_at=datetime.now(UTC), raw=kept.raw).recorded()
    run.take(Facts((RecordedGuest("web01", LINUX.output(), datetime.now(UTC)),), (read,)))
    assert set(run.subjects.read_guests()) == {"web01"}
    assert not isinstance(run.subjects.machines[vm_id("sample").lower()], Problem)
