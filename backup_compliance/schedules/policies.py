"""When a backup policy starts backups: standard and enhanced policies of virtual machines, as minutes of the week.

Microsoft.RecoveryServices/vaults/backupPolicies; of a run time only the time of day counts. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from backup_compliance.model.arm_json import as_record, integer_at, name_of, text_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Undetermined, Unreadable

DAY: Final = 24 * 60
WEEK: Final = 7 * DAY
SHIFT: Final = 30
"""Minutes between the start times that a policy can have."""
SHOWN: Final = 5
"""Names in one line; the others are counted."""
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_RUN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,7})?)?(?:Z|\+00:00)?", re.ASCII)


class Frequency(StrEnum):
    """How often a policy runs, as `scheduleRunFrequency` spells it."""

    HOURLY = "Hourly"
    DAILY = "Daily"
    WEEKLY = "Weekly"


@dataclass(frozen=True, slots=True)
class HourlyWindow:
    """The window of an hourly schedule; it may go past midnight."""

    start: int
    """Minute of the day."""
    interval: int
    """Hours between two starts."""
    duration: int
    """Hours."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The starts of one policy, by the digits that it holds: whether they are UTC or local time is not decided here."""

    name: str
    time_zone: str
    """The id as the policy writes it; "" when it names none."""
    frequency: Frequency
    starts: tuple[int, ...]
    """Minutes of the week in ascending order, 0 is Monday 00:00. Never empty."""
    window: HourlyWindow | None = None
    """Hourly schedules only."""
    policy: str = ""
    """The policy's id, lower case; "" when it has none."""

    @property
    def zone(self) -> str:
        """What has to be equal for digits to mean the same time: the time zone, or the policy where it names none."""
        return self.time_zone.casefold() or f"that of policy {self.policy or self.name}"

    @property
    def times(self) -> str:
        """The start times alone: `22:00`, `Mon, Thu 22:00`, `every 4 hours from 08:00 to 20:00`."""
        if self.window is not None:
            first, hours = self.window.start, self.window.duration
            every = f"every {self.window.interval} hours" if self.window.interval > 1 else "every hour"
            return f"{every} from {clock(first)} to {clock(first + hours * 60)}{' of the next day' * (hours == 24)}"
        times = listed([clock(t) for t in sorted({s % DAY for s in self.starts})])
        if self.frequency is Frequency.DAILY:
            return times
        return f"{', '.join(DAYS[d][:3] for d in sorted({s // DAY for s in self.starts}))} {times}"

    @property
    def text(self) -> str:
        """One line: `daily 22:00 (UTC)`, `weekly Mon, Thu 22:00 (Korea Standard Time)`."""
        kind = "" if self.window is not None else f"{self.frequency.lower()} "
        return f"{kind}{self.times} ({self.time_zone or 'no time zone'})"

    def shifts(self) -> Sequence[int]:
        """The minutes by which a policy can start later, ascending, shorter than the time after which it repeats.

        A weekly policy holds days and times of day: its times have to pass midnight together or not at all.
        """
        if self.frequency is not Frequency.WEEKLY:
            return range(SHIFT, DAY, SHIFT)
        times = {start % DAY for start in self.starts}
        first, last = min(times), max(times)
        return [s for s in range(SHIFT, WEEK, SHIFT) if (first + s) // DAY == (last + s) // DAY]

    def shifted(self, minutes: int) -> Schedule:
        """The same schedule, later by so many minutes."""
        starts = tuple(sorted((start + minutes) % WEEK for start in self.starts))
        window = self.window and replace(self.window, start=(self.window.start + minutes) % DAY)
        return replace(self, starts=starts, window=window)


def clock(minute: int) -> str:
    """`22:30` for a minute of a day, or of a week."""
    return f"{minute % DAY // 60:02d}:{minute % 60:02d}"


def day_and_time(minute: int) -> str:
    """`Mon 22:30` for a minute of the week."""
    return f"{DAYS[minute // DAY][:3]} {clock(minute)}"


def listed(names: Iterable[str], limit: int = SHOWN) -> str:
    """`a`, `a and b`, `a, b and c`; more than `limit` names end in `and 7 more`."""
    shown = list(names)
    if len(shown) > limit:
        shown[limit:] = [f"{len(shown) - limit} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def parse_schedule(policy: Any) -> Schedule:
    """The schedule of a policy as ARM gives it.

    Raises `Unreadable` for a field that is missing or holds something else, `Undetermined` for a policy of another
    workload or a kind of schedule that has no documented meaning here.
    """
    record = as_record(policy)
    if record is None:
        raise Unreadable("a backup policy is no JSON object", RECOLLECT_OR_LOOK)
    reader = _Reader(f"backup policy {name_of(record, 'without a name')}")
    properties = reader.record(record, "properties")
    workload = reader.text(properties, "backupManagementType")
    if workload.casefold() != "azureiaasvm":
        raise Undetermined(f"{reader.what} is for {printable(workload, 60)}, not for AzureIaasVM")
    schedule = reader.record(properties, "schedulePolicy")
    kind = reader.text(schedule, "schedulePolicyType")
    parse = _KINDS.get(kind.casefold())
    if parse is None:
        raise Undetermined(f"{reader.what} has a schedule of unknown kind {printable(kind, 60)}")
    frequency, starts, window = parse(reader, schedule)
    zone = text_at(properties, "timeZone")
    if printable(zone, 80) != zone:
        raise reader.unreadable("timeZone", "the id of a time zone")
    identity = text_at(record, "id").rstrip("/").lower()
    return Schedule(name_of(record, "without a name"), zone, frequency, tuple(sorted(set(starts))), window, identity)


Starts = tuple[Frequency, Iterable[int], HourlyWindow | None]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Fields that have to be there; whatever misses one says of which policy."""

    what: str

    def unreadable(self, key: str, expected: str) -> Unreadable:
        return Unreadable(f"{self.what}: `{key}` is missing or is not {expected}", RECOLLECT_OR_LOOK)

    def record(self, record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        found = as_record(record.get(key))
        if found is None:
            raise self.unreadable(key, "an object")
        return found

    def text(self, record: Mapping[str, Any], key: str) -> str:
        found = text_at(record, key)
        if not found:
            raise self.unreadable(key, "a name")
        return found

    def hours(self, record: Mapping[str, Any], key: str) -> int:
        found = integer_at(record, key, 1, 24)
        if found is None:
            raise self.unreadable(key, "a number of hours from 1 to 24")
        return found

    def frequency(self, schedule: Mapping[str, Any]) -> Frequency:
        found = self.text(schedule, "scheduleRunFrequency")
        known = {f.casefold(): f for f in Frequency}
        if found.casefold() not in known:
            raise Undetermined(f"{self.what} runs with unknown frequency {printable(found, 60)}")
        return known[found.casefold()]

    def each(self, record: Mapping[str, Any], key: str, read: Callable[[Any], int | None], expected: str) -> set[int]:
        values = record.get(key)
        found = {read(v) for v in values} if isinstance(values, list) else set()
        known = {f for f in found if f is not None}
        if not known or known != found:
            raise self.unreadable(key, expected)
        return known

    def times(self, record: Mapping[str, Any]) -> set[int]:
        return self.each(record, "scheduleRunTimes", _minute_of_day, "a list of times such as 2026-11-01T22:00:00Z")

    def days(self, record: Mapping[str, Any]) -> set[int]:
        return self.each(record, "scheduleRunDays", _day, "a list of weekdays")


def _standard(reader: _Reader, schedule: Mapping[str, Any]) -> Starts:
    """SimpleSchedulePolicy: days and times beside the frequency."""
    frequency = reader.frequency(schedule)
    if frequency is Frequency.HOURLY:
        return _hourly(reader, schedule)
    if frequency is Frequency.DAILY:
        return frequency, _weekly(range(7), reader.times(schedule)), None
    weeks = integer_at(schedule, "scheduleWeeklyFrequency", 2, 10**6)
    if weeks is not None:
        raise Undetermined(f"{reader.what} runs every {weeks} weeks, and does not say in which ones")
    return frequency, _weekly(reader.days(schedule), reader.times(schedule)), None


def _enhanced(reader: _Reader, schedule: Mapping[str, Any]) -> Starts:
    """SimpleSchedulePolicyV2: one object for each frequency."""
    frequency = reader.frequency(schedule)
    if frequency is Frequency.HOURLY:
        return _hourly(reader, schedule)
    inner = reader.record(schedule, f"{frequency.lower()}Schedule")
    days = range(7) if frequency is Frequency.DAILY else reader.days(inner)
    return frequency, _weekly(days, reader.times(inner)), None


_KINDS: Final = {"simpleschedulepolicy": _standard, "simpleschedulepolicyv2": _enhanced}


def _hourly(reader: _Reader, schedule: Mapping[str, Any]) -> Starts:
    """Start, start + interval ... up to and with start + duration, every day."""
    inner = reader.record(schedule, "hourlySchedule")
    start = _minute_of_day(inner.get("scheduleWindowStartTime"))
    if start is None:
        raise reader.unreadable("scheduleWindowStartTime", "a time such as 2026-11-01T08:00:00Z")
    window = HourlyWindow(start, reader.hours(inner, "interval"), reader.hours(inner, "scheduleWindowDuration"))
    times = range(start, start + window.duration * 60 + 1, window.interval * 60)
    return Frequency.HOURLY, _weekly(range(7), times), window


def _weekly(days: Iterable[int], times: Iterable[int]) -> list[int]:
    return [(day * DAY + time) % WEEK for time in times for day in days]


def _day(value: Any) -> int | None:
    """0 for Monday; None for what is no name of a day."""
    found = {day.casefold(): n for n, day in enumerate(DAYS)}
    return found.get(value.strip().casefold()) if isinstance(value, str) else None


def _minute_of_day(value: Any) -> int | None:
    """The time of day of an ISO 8601 date and time; None for anything else, another offset than zero included."""
    if not isinstance(value, str) or not _RUN_TIME.fullmatch(value.strip()):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment.hour * 60 + moment.minute
