"""Virtual machines of one group whose backups start together, and start times at which they would not.

The article of 2016 allows one member per start time, the documentation of 2025 four per hour; both are a `StartRule`.
Whether the times of a policy are UTC or local time of its `timeZone` is contested: sources say both. Within one time zone
the differences are the same either way; across zones a collision is certain only when it happens under both readings. A
policy without `timeZone` has an unknown zone, which is treated as different from every other policy's zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from backup_compliance.model.sanitize import printable
from backup_compliance.schedules.policies import SHOWN, WEEK, Schedule, day_and_time, listed
from backup_compliance.schedules.time_zones import utc_offsets
from backup_compliance.schedules.window_counts import WindowCounts, rotated, windows_with

JANUARY_AND_JULY: Final = (1, 7)
"""With and without daylight saving time, on either half of the earth."""


@dataclass(frozen=True, slots=True)
class StartRule:
    """At most `members` start within any `minutes` minutes; starts exactly `minutes` apart are apart."""

    members: int
    minutes: int
    """1 is the same start time."""

    def __post_init__(self) -> None:
        if self.members < 1 or not 1 <= self.minutes <= WEEK:
            raise ValueError(f"no rule: {self.members} members within {self.minutes} minutes")


class Collision(StrEnum):
    """Whether a member starts together with more members than the rule allows."""

    CERTAIN = "certain"
    UNDETERMINED = "undetermined"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Overlap:
    """The fullest window in which a member starts, of those that hold too many."""

    others: tuple[str, ...]
    """The other members that start in it, sorted."""
    start: int
    """The member's own start in it, minute of the week by the digits of its policy."""
    every_time: bool
    """The others are there whenever the member starts, not at that start alone."""


@dataclass(frozen=True, slots=True)
class MemberVerdict:
    """One member's collision under each reading; None where there is none."""

    collision: Collision
    as_utc: Overlap | None = None
    as_local: Overlap | None = None
    """In January or in July, whichever is fuller."""

    @property
    def worst(self) -> Overlap | None:
        """The fuller one of the two."""
        return _fuller([self.as_utc, self.as_local])


@dataclass(frozen=True, slots=True)
class GroupVerdict:
    """What the rule says of a group, and what would follow it."""

    rule: StartRule
    schedules: Mapping[str, Schedule]
    members: Mapping[str, MemberVerdict]
    proposals: Mapping[str, Schedule | None]
    """For each member that has to move: its schedule at a time that fits, None when no time fits. Followed by all, they
    leave no collision under any reading. Empty while `unknown_zones` is not."""
    unknown_zones: tuple[str, ...] = ()
    """Ids that neither CLDR nor IANA knows, as the policies write them, in a group of several zones; "" for a missing one."""

    @property
    def zones(self) -> tuple[str, ...]:
        """The time zones that the policies name, sorted; ids that differ in case are one, and so are missing ones."""
        return tuple(sorted({s.time_zone.casefold(): s.time_zone for s in self.schedules.values()}.values()))


def judge_group(schedules: Mapping[str, Schedule], rule: StartRule, reference_year: int) -> GroupVerdict:
    """The verdict on every member of a group; `schedules` by the member's name or id.

    Local times are converted with the UTC offsets of January and July of `reference_year`.
    """
    zones = {s.zone: s.time_zone for s in schedules.values()}
    as_utc = _lanes(schedules, rule, dict.fromkeys(zones, 0))
    halves = [utc_offsets(zones, reference_year, month) for month in JANUARY_AND_JULY] if len(zones) > 1 else []
    as_local = [_lanes(schedules, rule, offsets) for offsets in halves]
    unknown = tuple(sorted({text for zone, text in zones.items() if any(zone not in h for h in halves)}))
    doubtful = bool(unknown) and len(schedules) > rule.members
    members = {name: _judge(name, as_utc, as_local, doubtful=doubtful) for name in schedules}
    views = [next(iter(lanes.values())).windows for lanes in [as_utc, *as_local] if lanes and not unknown]
    return GroupVerdict(rule, schedules, members, _propose(schedules, rule, views) if views else {}, unknown)


@dataclass(slots=True)
class _ComparableGroup:
    """Members whose starts can be compared: all with known zones, or all with the same unknown one."""

    schedules: Mapping[str, Schedule]
    offsets: Mapping[str, int]
    rule: StartRule
    windows: dict[str, int] = field(default_factory=dict)
    crowd: WindowCounts = field(default_factory=WindowCounts)
    crowded: int = 0
    _present: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def fill(self, names: Iterable[str]) -> None:
        for name in names:
            schedule = self.schedules[name]
            local = windows_with(schedule.starts, self.rule.minutes)
            self.windows[name] = rotated(local, -self.offsets.get(schedule.zone, 0))
            self.crowd.add(self.windows[name])
        self.crowded = self.crowd.above(self.rule.members)

    def gathering(self, name: str) -> Overlap | None:
        among = self.windows[name] & self.crowded
        if not among:
            return None
        first, _ = self.crowd.fullest(among)
        schedule = self.schedules[name]
        offset = self.offsets.get(schedule.zone, 0)
        start = min(schedule.starts, key=lambda s: (s - offset - first) % WEEK)
        others = tuple(n for n in self.present(first) if n != name)
        always = windows_with(((s - start + first) % WEEK for s in schedule.starts), 1)
        return Overlap(others, start, all(self.windows[n] & always == always for n in others))

    def present(self, first: int) -> tuple[str, ...]:
        if first not in self._present:
            self._present[first] = tuple(sorted(n for n, windows in self.windows.items() if windows >> first & 1))
        return self._present[first]


def _lanes(
    schedules: Mapping[str, Schedule], rule: StartRule, offsets: Mapping[str, int]
) -> dict[str, _ComparableGroup]:
    """One lane for all zones with an offset (""), one more for each zone without: within it the differences are known."""
    names: dict[str, list[str]] = {}
    for name, schedule in schedules.items():
        zone = schedule.zone
        names.setdefault("known" if zone in offsets else f"only {zone}", []).append(name)
    lanes = {}
    for key, members in names.items():
        lanes[key] = _ComparableGroup(schedules, offsets, rule)
        lanes[key].fill(members)
    return lanes


def _judge(
    name: str,
    as_utc: Mapping[str, _ComparableGroup],
    as_local: Sequence[Mapping[str, _ComparableGroup]],
    *,
    doubtful: bool,
) -> MemberVerdict:
    def find(lanes: Mapping[str, _ComparableGroup]) -> Overlap | None:
        return next(lane.gathering(name) for lane in lanes.values() if name in lane.windows)

    utc = find(as_utc)
    local = _fuller(find(lanes) for lanes in as_local) if as_local else utc
    if utc and local:
        return MemberVerdict(Collision.CERTAIN, utc, local)
    if utc or local or doubtful:
        return MemberVerdict(Collision.UNDETERMINED, utc, local)
    return MemberVerdict(Collision.NONE)


def _fuller(gatherings: Iterable[Overlap | None]) -> Overlap | None:
    found = [g for g in gatherings if g is not None]
    return max(found, key=lambda g: len(g.others), default=None)


def _propose(
    schedules: Mapping[str, Schedule], rule: StartRule, views: Sequence[Mapping[str, int]]
) -> dict[str, Schedule | None]:
    """In sorted order: whoever fits stays, then each one left moves by the shortest time that fits under every view."""
    crowds = [WindowCounts() for _ in views]
    full = [0 for _ in views]

    def fits(name: str, minutes: int) -> bool:
        return not any(rotated(view[name], minutes) & taken for view, taken in zip(views, full, strict=True))

    def place(name: str, minutes: int) -> None:
        for index, (view, crowd) in enumerate(zip(views, crowds, strict=True)):
            crowd.add(rotated(view[name], minutes))
            full[index] = crowd.above(rule.members - 1)

    moving = []
    for name in sorted(schedules):
        if fits(name, 0):
            place(name, 0)
        else:
            moving.append(name)
    refused: dict[object, int] = {}
    proposals: dict[str, Schedule | None] = {}
    for name in moving:
        schedule = schedules[name]
        # Windows only fill up: what did not fit a member with the same starts does not fit this one either.
        alike = (schedule.starts, schedule.zone, schedule.frequency)
        shift = next((s for s in schedule.shifts() if s > refused.get(alike, 0) and fits(name, s)), None)
        refused[alike] = WEEK if shift is None else shift - 1
        proposals[name] = None if shift is None else schedule.shifted(shift)
        if shift is not None:
            place(name, shift)
    return proposals


def explain(group: GroupVerdict, member: str) -> str:
    """One line on a member's collision, what the rule allows and start times that fit; "" when there is no collision."""
    verdict = group.members[member]
    worst = verdict.worst
    if verdict.collision is Collision.NONE:
        return ""
    if worst is None or (verdict.collision is Collision.UNDETERMINED and group.unknown_zones):
        return f"{_unknown(group)}, so the starts of {_printed(member)} cannot be compared with those of its group"
    once = "" if worst.every_time else f", and on {day_and_time(worst.start)}"
    allowed, together = f"within {group.rule.minutes} minutes", f"within {group.rule.minutes} minutes of"
    if group.rule.minutes == 1:
        allowed, together = "at the same time", "together with"
    meeting = f"starts {group.schedules[member].text}{once} {together} {listed(map(_printed, worst.others))}"
    if verdict.collision is Collision.UNDETERMINED:
        meeting = _contested(group, verdict, meeting)
    return "; ".join(
        [
            meeting,
            f"at most {group.rule.members} of a group may start {allowed}",
            *_moves(group, [member, *worst.others]),
        ]
    )


def _contested(group: GroupVerdict, verdict: MemberVerdict, meeting: str) -> str:
    reading, other = ("UTC", "local time") if verdict.as_utc else ("local time", "UTC")
    return f"read as {reading} it {meeting}, read as {other} it does not; which of the two is right is contested, and the policies of its group name {listed(group.zones)}"


def _unknown(group: GroupVerdict) -> str:
    named = listed(zone for zone in group.unknown_zones if zone)
    missing = "a policy of its group names no time zone" if "" in group.unknown_zones else ""
    return " and ".join(filter(None, [named and f"nobody knows the time zone {named}", missing]))


def _moves(group: GroupVerdict, concerned: Iterable[str]) -> Iterable[str]:
    """What is proposed for these members."""
    if group.unknown_zones:
        yield f"no start times are proposed, for {_unknown(group)}"
    moves = [(_printed(name), group.proposals[name]) for name in concerned if name in group.proposals]
    several = len(group.zones) > 1
    fitting = [f"{n} {s.times}{f' ({s.time_zone})' * several}" for n, s in moves if s is not None]
    if fitting:
        more = f" and {len(fitting) - SHOWN} more" if len(fitting) > SHOWN else ""
        yield f"start times that fit: {', '.join(fitting[:SHOWN])}{more}"
    stuck = [name for name, schedule in moves if schedule is None]
    if stuck:
        yield f"no start time fits {listed(stuck)}"


def _printed(name: str) -> str:
    return printable(name, 80)
