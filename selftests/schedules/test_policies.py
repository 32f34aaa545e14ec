"""Schedules of backup policies: what standard and enhanced policies say, and what hostile ones must not become."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.schedules.policies import DAY, WEEK, Schedule, clock, day_and_time, listed, parse_schedule
from backup_compliance.schedules.time_zones import utc_offset, utc_offsets
from selftests.builders import arm

FAST = settings(deadline=None, database=None, max_examples=300)
EVERY_DAY = range(7)
Json = dict[str, Any]


def moment(at: str) -> str:
    """A run time as ARM writes it."""
    return f"2026-11-01T{at}:00Z"


def standard(*times: str, days: list[str] | None = None, zone: str = "UTC") -> Json:
    """A standard policy: daily, or weekly on some days."""
    policy = arm.policy("p", zone=zone)
    policy["properties"]["schedulePolicy"] |= {
        "scheduleRunFrequency": "Weekly" if days else "Daily",
        "scheduleRunTimes": [moment(t) for t in times],
        "scheduleRunDays": days,
    }
    return policy


def enhanced(frequency: str, zone: str = "UTC", **inner: Any) -> Json:
    """An enhanced policy with the object that its frequency needs."""
    policy = arm.policy("p", zone=zone)
    schedule = {"schedulePolicyType": "SimpleSchedulePolicyV2", "scheduleRunFrequency": frequency}
    policy["properties"] |= {
        "policyType": "V2",
        "schedulePolicy": {**schedule, f"{frequency.lower()}Schedule": inner},
    }
    return policy


def hourly(start: str, interval: Any, duration: Any, zone: str = "UTC") -> Json:
    """An enhanced hourly policy."""
    return enhanced(
        "Hourly", zone, interval=interval, scheduleWindowStartTime=moment(start), scheduleWindowDuration=duration
    )


def weekly(*times: str, days: list[str], zone: str = "UTC") -> Json:
    """An enhanced weekly policy."""
    return enhanced("Weekly", zone, scheduleRunDays=days, scheduleRunTimes=[moment(t) for t in times])


def minutes(days: Any, *times: str) -> tuple[int, ...]:
    """Minutes of the week of all times on all days."""
    return tuple(sorted(d * DAY + int(t[:2]) * 60 + int(t[3:]) for d in days for t in times))


@pytest.mark.parametrize(
    ("policy", "starts", "text"),
    [
        (standard("22:00"), minutes(EVERY_DAY, "22:00"), "daily 22:00 (UTC)"),
        (standard("22:30", "00:00"), minutes(EVERY_DAY, "00:00", "22:30"), "daily 00:00 and 22:30 (UTC)"),
        (
            standard("22:00", days=["Thursday", "monday"], zone="Korea Standard Time"),
            minutes((0, 3), "22:00"),
            "weekly Mon, Thu 22:00 (Korea Standard Time)",
        ),
        (
            enhanced("Daily", scheduleRunTimes=[moment("06:30")], zone=""),
            minutes(EVERY_DAY, "06:30"),
            "daily 06:30 (no time zone)",
        ),
        (weekly("23:30", days=["SUNDAY"]), (WEEK - 30,), "weekly Sun 23:30 (UTC)"),
        (
            hourly("08:00", 4, 12),
            minutes(EVERY_DAY, "08:00", "12:00", "16:00", "20:00"),
            "every 4 hours from 08:00 to 20:00 (UTC)",
        ),
        (hourly("20:00", 6, 11), minutes(EVERY_DAY, "20:00", "02:00"), "every 6 hours from 20:00 to 07:00 (UTC)"),
        (hourly("08:30", 12, 4), minutes(EVERY_DAY, "08:30"), "every 12 hours from 08:30 to 12:30 (UTC)"),
        (
            hourly("08:00", 12, 24),
            minutes(EVERY_DAY, "08:00", "20:00"),
            "every 12 hours from 08:00 to 08:00 of the next day (UTC)",
        ),
        (hourly("08:00", 1, 1), minutes(EVERY_DAY, "08:00", "09:00"), "every hour from 08:00 to 09:00 (UTC)"),
    ],
)
def test_starts_and_text(policy: Json, starts: tuple[int, ...], text: str) -> None:
    """Minutes of the week by the policy's own digits, and the line that shows them."""
    schedule = parse_schedule(policy)
    assert (schedule.starts, schedule.text) == (starts, text)


def test_standard_policy_with_an_hourly_schedule() -> None:
    """A standard policy that says Hourly is expanded as an enhanced one."""
    policy = hourly("08:00", 6, 12)
    policy["properties"]["schedulePolicy"]["schedulePolicyType"] = "SimpleSchedulePolicy"
    assert parse_schedule(policy) == parse_schedule(hourly("08:00", 6, 12))


def test_policy_type_may_be_missing() -> None:
    """ARM leaves `policyType` away for standard policies."""
    policy = standard("22:00")
    del policy["properties"]["policyType"]
    assert parse_schedule(policy) == parse_schedule(standard("22:00"))


def test_hourly_window_past_sunday_midnight_reaches_monday() -> None:
    """The week is a circle: what starts late on Sunday goes on early on Monday."""
    starts = parse_schedule(hourly("22:00", 4, 4)).starts
    assert starts[0] == 120
    assert starts[-1] == WEEK - 120


def edited(path: str, value: Any, policy: Json | None = None) -> Json:
    """A policy with one field below `properties` exchanged."""
    changed: Json = copy.deepcopy(policy or standard("22:00"))
    *way, last = path.split(".")
    inner = changed["properties"]
    for step in way:
        inner = inner[step]
    inner[last] = value
    return changed


NO_TIMES: list[Any] = [
    None,
    [],
    {},
    "22:00",
    [None],
    ["22:00"],
    ["2026-11-01"],
    ["2026-13-01T22:00:00Z"],
    [moment("24:30")],
]
MORE_NO_TIMES: list[Any] = [
    [5],
    [[moment("22:00")]],
    ["2026-11-01T22:00:00+09:00"],
    ["٢٠26-11-01T22:00:00Z"],
    [moment("22:00"), ""],
]


@pytest.mark.parametrize("times", [*NO_TIMES, *MORE_NO_TIMES], ids=repr)
@pytest.mark.parametrize("policy", [standard("22:00"), standard("22:00", days=["Monday"])], ids=["daily", "weekly"])
def test_times_that_are_none(policy: Json, times: Any) -> None:
    """One run time that cannot be read spoils the list: a start that is overlooked would pass."""
    with pytest.raises(Unreadable, match="backup policy p: `scheduleRunTimes` is missing or is not a list of times"):
        parse_schedule(edited("schedulePolicy.scheduleRunTimes", times, policy))


@pytest.mark.parametrize("days", [None, [], {}, "Monday", [0], [True], ["Monday", 2], ["Mon"], [None], [""]], ids=repr)
def test_days_that_are_none(days: Any) -> None:
    """Names of weekdays only; nobody says with which day numbers would begin."""
    with pytest.raises(Unreadable, match="`scheduleRunDays`"):
        parse_schedule(weekly("22:00", days=days))


@pytest.mark.parametrize("number", [0, -4, 25, 10**9, None, "4", 4.0, True, [4]], ids=repr)
@pytest.mark.parametrize("key", ["interval", "scheduleWindowDuration"])
def test_hours_that_are_none(key: str, number: Any) -> None:
    """Absurd intervals and windows are neither expanded nor ignored."""
    with pytest.raises(Unreadable, match=f"`{key}`"):
        parse_schedule(edited(f"schedulePolicy.hourlySchedule.{key}", number, hourly("08:00", 4, 12)))


@pytest.mark.parametrize(
    ("path", "value", "missing"),
    [
        ("backupManagementType", None, "backupManagementType"),
        ("schedulePolicy", None, "schedulePolicy"),
        ("schedulePolicy", [], "schedulePolicy"),
        ("schedulePolicy", {}, "schedulePolicyType"),
        ("schedulePolicy.schedulePolicyType", 2, "schedulePolicyType"),
        ("schedulePolicy.scheduleRunFrequency", None, "scheduleRunFrequency"),
        ("schedulePolicy.scheduleRunFrequency", "Hourly", "hourlySchedule"),
        ("schedulePolicy.schedulePolicyType", "SimpleSchedulePolicyV2", "dailySchedule"),
        ("timeZone", "UTC\u202e", "timeZone"),
        ("timeZone", "x" * 200, "timeZone"),
    ],
)
def test_missing_fields_are_named(path: str, value: Any, missing: str) -> None:
    """Whoever has to look at the policy learns where."""
    with pytest.raises(Unreadable, match=f"`{missing}`") as caught:
        parse_schedule(edited(path, value))
    assert caught.value.remedy


@pytest.mark.parametrize("policy", [None, [], "policy", 5, {}, {"properties": None}, {"properties": []}], ids=repr)
def test_what_is_no_policy(policy: Any) -> None:
    """Junk instead of a resource is unreadable."""
    with pytest.raises(Unreadable):
        parse_schedule(policy)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("backupManagementType", "AzureWorkload", "for AzureWorkload"),
        ("schedulePolicy.schedulePolicyType", "LogSchedulePolicy", "unknown kind LogSchedulePolicy"),
        ("schedulePolicy.schedulePolicyType", "LongTermSchedulePolicy", "unknown kind LongTermSchedulePolicy"),
        ("schedulePolicy.scheduleRunFrequency", "Fort\u202enightly", "unknown frequency Fort nightly"),
    ],
)
def test_unknown_kinds_are_undetermined(path: str, value: Any, said: str) -> None:
    """Everything was read, and what it means is not known here."""
    with pytest.raises(Undetermined, match=said):
        parse_schedule(edited(path, value))


def test_every_other_week_is_undetermined() -> None:
    """Which weeks a fortnightly policy means is not in the policy."""
    with pytest.raises(Undetermined, match="every 2 weeks"):
        parse_schedule(edited("schedulePolicy.scheduleWeeklyFrequency", 2, standard("22:00", days=["Monday"])))


@pytest.mark.parametrize("zone", [None, "", "  ", 9, ["UTC"]], ids=repr)
def test_missing_time_zone_is_not_utc(zone: Any) -> None:
    """A policy without a time zone has an unknown one."""
    assert parse_schedule(edited("timeZone", zone)).time_zone == ""


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    """Nothing here follows what it does not know."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Unreadable):
        parse_schedule(edited("schedulePolicy.scheduleRunTimes", [deep]))
    while deep:  # freed level by level
        deep = deep.pop()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(moment("22:00")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PATHS = ["backupManagementType", "timeZone", "schedulePolicy"]
INNER = ["hourlySchedule", "schedulePolicyType", "scheduleRunFrequency", "scheduleRunTimes", "scheduleRunDays"]


def outcome(policy: Any) -> tuple[list[int], str]:
    """The starts, or what the exception says."""
    try:
        return list(parse_schedule(policy).starts), ""
    except (Unreadable, Undetermined) as error:
        return [], str(error)


@FAST
@given(
    st.sampled_from([standard("22:00"), weekly("22:00", days=["Friday"]), hourly("08:00", 4, 12)]),
    st.sampled_from([*PATHS, *(f"schedulePolicy.{i}" for i in INNER)]),
    JUNK,
)
def test_junk_never_crashes_and_is_never_empty(policy: Json, path: str, junk: Any) -> None:
    """A schedule with starts, or one of the two exceptions; nothing else."""
    starts, said = outcome(edited(path, junk, policy))
    assert starts == sorted({s for s in starts if 0 <= s < WEEK})
    assert bool(starts) != bool(said)
    assert said.isprintable()


def test_a_schedule_is_json() -> None:
    """Evidence in reports."""
    schedule = parse_schedule(hourly("08:00", 12, 12))
    assert json.loads(json.dumps(asdict(schedule)))["window"] == {"start": 480, "interval": 12, "duration": 12}


def test_hostile_names_are_made_printable() -> None:
    """A policy's name cannot turn a line of a report around."""
    assert parse_schedule(standard("22:00") | {"name": "a\u202eb\x1b[31m" + "c" * 200}).name == "a b" + "c" * 76 + "…"


def shifted(policy: Json, minutes: int) -> str:
    """The start times of a policy that is moved."""
    return parse_schedule(policy).shifted(minutes).times


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (shifted(standard("23:30"), 60), "00:30"),
        (shifted(standard("22:00", days=["Sunday"]), 150), "Mon 00:30"),
        (shifted(hourly("20:00", 4, 8), 270), "every 4 hours from 00:30 to 08:30"),
    ],
)
def test_shifted_over_midnight(times: str, expected: str) -> None:
    """Days and windows move along."""
    assert times == expected


def test_shifted_hourly_window_expands_to_the_same_starts() -> None:
    """The window of a moved policy, entered into a policy, gives the starts that were promised."""
    moved = parse_schedule(hourly("20:00", 4, 8)).shifted(270)
    assert moved == parse_schedule(hourly("00:30", 4, 8))


def test_weekly_times_pass_midnight_together() -> None:
    """Days times hours: Monday 10:00 with Tuesday 01:00 is no weekly policy."""
    schedule = parse_schedule(weekly("10:00", "23:00", days=["Monday"]))
    assert 60 not in schedule.shifts()
    assert set(schedule.shifts()) >= {30, 14 * 60, DAY}


@pytest.mark.parametrize(
    "policy", [standard("22:00", "03:00"), hourly("08:00", 4, 12), weekly("1:00".zfill(5), days=["Friday"])]
)
def test_every_shift_is_a_policy_of_its_own(policy: Json) -> None:
    """None of them is the schedule itself, and none loses a start."""
    schedule: Schedule = parse_schedule(policy)
    moved = [schedule.shifted(s).starts for s in schedule.shifts()]
    assert schedule.starts not in moved
    assert {len(m) for m in moved} == {len(schedule.starts)}


@pytest.mark.parametrize(
    ("zone", "january", "july"),
    [
        ("UTC", 0, 0),
        ("Korea Standard Time", 540, 540),
        ("korea standard time", 540, 540),
        ("Asia/Seoul", 540, 540),
        ("Pacific Standard Time", -480, -420),
        ("AUS Eastern Standard Time", 660, 600),
        ("India Standard Time", 330, 330),
        ("W. Europe Standard Time", 60, 120),
        ("Atlantis Standard Time", None, None),
        ("", None, None),
        ("../../etc/localtime", None, None),
        ("UTC\0", None, None),
    ],
)
def test_utc_offsets(zone: str, january: int | None, july: int | None) -> None:
    """Windows and IANA ids, with and without daylight saving; anything else is unknown and opens no file."""
    assert (utc_offset(zone, 2026, 1), utc_offset(zone, 2026, 7)) == (january, july)


def test_unknown_zones_have_no_offset() -> None:
    """They are left out, so that nobody counts them as UTC."""
    assert utc_offsets(["UTC", "Atlantis Standard Time", ""], 2026, 1) == {"UTC": 0}


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (1, "a"), (2, "a and b"), (5, "a, b, c, d and e"), (7, "a, b, c, d, e and 2 more")]
)
def test_listed(count: int, text: str) -> None:
    """Five names, and how many more."""
    assert listed("abcdefgh"[:count]) == text


def test_times_of_the_week() -> None:
    """Monday 00:00 is minute 0."""
    assert (day_and_time(0), day_and_time(WEEK - 1), clock(DAY + 61)) == ("Mon 00:00", "Sun 23:59", "01:01")
