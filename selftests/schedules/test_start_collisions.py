"""Members of a group that start together, against a brute-force evaluator over every window that begins with a start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.schedules.policies import DAYS as WEEKDAYS
from backup_compliance.schedules.policies import WEEK, Schedule, clock, parse_schedule
from backup_compliance.schedules.start_collisions import Collision, GroupVerdict, StartRule, explain, judge_group
from backup_compliance.schedules.window_counts import WindowCounts, rotated, windows_with
from selftests.schedules.test_policies import enhanced, hourly, standard, weekly

FAST = settings(deadline=None, database=None, max_examples=300)
SEED, TODAY = StartRule(1, 1), StartRule(4, 60)
CERTAIN, UNDETERMINED, NONE = Collision.CERTAIN, Collision.UNDETERMINED, Collision.NONE
KOREA, PACIFIC, ATLANTIS = "Korea Standard Time", "Pacific Standard Time", "Atlantis Standard Time"
TWICE = standard("10:00", "23:00")
YEAR = 2026


def group(*policies: Any) -> dict[str, Schedule]:
    """web01, web02 ... with a policy each."""
    return {f"web{n:02d}": parse_schedule(p) for n, p in enumerate(policies, 1)}


def judged(*policies: Any, rule: StartRule = SEED) -> GroupVerdict:
    """The verdict on web01, web02 ..."""
    return judge_group(group(*policies), rule, YEAR)


def collisions(verdict: GroupVerdict) -> list[Collision]:
    """One for each member, in the group's order."""
    return [m.collision for m in verdict.members.values()]


def named(name: str, policy: Any) -> Any:
    """The policy under another id."""
    return {**policy, "id": policy["id"].removesuffix("/p") + f"/{name}", "name": name}


# --- brute force -----------------------------------------------------------------------------------------------------

# January and July, written down here: Seoul keeps one time, Los Angeles and Sydney do not, in opposite seasons.
OFFSETS = {
    "UTC": (0, 0),
    KOREA: (540, 540),
    PACIFIC: (-480, -420),
    "AUS Eastern Standard Time": (660, 600),
    "asia/kolkata": (330, 330),
}
HALF_HOURS = st.integers(0, 47).map(lambda n: clock(n * 30))
TIMES = st.lists(st.one_of(HALF_HOURS, st.sampled_from(["00:00", "23:30", "22:15"])), min_size=1, max_size=2)
DAYS = st.lists(st.sampled_from(["Monday", "Tuesday", "Saturday", "Sunday"]), min_size=1, max_size=3)
ZONES = st.one_of(st.just("UTC"), st.sampled_from([*OFFSETS, "utc", "", ATLANTIS]))
POLICIES = st.one_of(
    st.builds(lambda times, zone: standard(*times, zone=zone), TIMES, ZONES),
    st.builds(lambda times, days, zone: weekly(*times, days=days, zone=zone), TIMES, DAYS, ZONES),
    st.builds(hourly, HALF_HOURS, st.sampled_from([4, 6, 8, 12, 24]), st.sampled_from([4, 12, 24]), ZONES),
)
RULES = st.builds(StartRule, st.integers(1, 4), st.sampled_from([1, 30, 60, 61, 480, 1440]))
GROUPS = st.lists(st.builds(named, st.sampled_from(["p", "q"]), POLICIES), max_size=9).map(
    lambda policies: group(*policies)
)


def crowded(starts: Mapping[str, Iterable[int]], rule: StartRule) -> set[str]:
    """Members in any window that holds too many; the window may begin with any start."""
    found: set[str] = set()
    for begin in {s for each in starts.values() for s in each}:
        inside = {n for n, each in starts.items() if any((s - begin) % WEEK < rule.minutes for s in each)}
        if len(inside) > rule.members:
            found |= inside
    return found


def zone_of(schedule: Schedule) -> str:
    """The zone; where there is none, one of the policy's own."""
    return schedule.time_zone.lower() or f"unknown {schedule.policy}"


def converted(schedules: Mapping[str, Schedule], half: int | None) -> dict[str, dict[str, list[int]]]:
    """Starts in UTC by zone group: everything known together, each unknown zone alone. `half` None reads digits as UTC."""
    known = {k.lower(): v for k, v in OFFSETS.items()}
    lanes: dict[str, dict[str, list[int]]] = {}
    for name, schedule in schedules.items():
        zone = zone_of(schedule)
        offset = 0 if half is None else known.get(zone, (0, 0))[half]
        lane = "" if half is None or zone in known else f"unknown {zone}"
        lanes.setdefault(lane, {})[name] = [(s - offset) % WEEK for s in schedule.starts]
    return lanes


def brute(schedules: Mapping[str, Schedule], rule: StartRule, half: int | None) -> set[str]:
    """Members that collide under one reading."""
    return {n for lane in converted(schedules, half).values() for n in crowded(lane, rule)}


def readings(schedules: Mapping[str, Schedule]) -> list[int | None]:
    """UTC, January and July; within one zone they are the same."""
    return [None] if len({zone_of(s) for s in schedules.values()}) <= 1 else [None, 0, 1]


def expected(schedules: Mapping[str, Schedule], rule: StartRule) -> dict[str, Collision]:
    """Each member's verdict, by the definition."""
    zones = {zone_of(s) for s in schedules.values()}
    as_utc = brute(schedules, rule, None)
    as_local = as_utc if len(zones) == 1 else brute(schedules, rule, 0) | brute(schedules, rule, 1)
    unknown = len(zones) > 1 and bool(zones - {z.lower() for z in OFFSETS}) and len(schedules) > rule.members
    return {
        n: CERTAIN if n in as_utc & as_local else UNDETERMINED if unknown or n in as_utc | as_local else NONE
        for n in schedules
    }


@FAST
@given(GROUPS, RULES)
def test_verdicts_are_those_of_brute_force(schedules: dict[str, Schedule], rule: StartRule) -> None:
    """Certain under both readings, undetermined under one of them or with an unknown zone, none otherwise."""
    verdict = judge_group(schedules, rule, YEAR)
    assert {n: m.collision for n, m in verdict.members.items()} == expected(schedules, rule)


def meet(starts: Mapping[str, list[int]], members: set[str], own: int, rule: StartRule) -> bool:
    """Whether one window holds a start of each of the members, and the minute `own`."""
    return any(
        all(any((s - begin) % WEEK < rule.minutes for s in starts[n]) for n in members)
        and (own - begin) % WEEK < rule.minutes
        for begin in {s for each in starts.values() for s in each}
    )


@FAST
@given(GROUPS, RULES)
def test_gatherings_are_real(schedules: dict[str, Schedule], rule: StartRule) -> None:
    """The members shown together do start within the rule's minutes of the start shown, and are too many."""
    by_reading = {half: converted(schedules, half) for half in readings(schedules)}
    for name, member in judge_group(schedules, rule, YEAR).members.items():
        for gathering, halves in ((member.as_utc, [None]), (member.as_local, readings(schedules)[-2:])):
            if gathering is None:
                continue
            members = {name, *gathering.others}
            lanes = [lane for half in halves for lane in by_reading[half].values() if members <= set(lane)]
            at = schedules[name].starts.index(gathering.start)
            assert len(members) > rule.members
            assert any(meet(lane, members, lane[name][at], rule) for lane in lanes)


@FAST
@given(GROUPS, RULES)
def test_following_the_proposals_leaves_no_collision(schedules: dict[str, Schedule], rule: StartRule) -> None:
    """Whoever moves and whoever stays fit together, whichever way the times are read."""
    verdict = judge_group(schedules, rule, YEAR)
    if verdict.unknown_zones:
        assert not verdict.proposals
        return
    followed = {n: verdict.proposals.get(n, s) for n, s in schedules.items()}
    placed = {n: s for n, s in followed.items() if s is not None}
    assert not any(brute(placed, rule, half) for half in readings(schedules))


@FAST
@given(GROUPS, RULES)
def test_proposals_are_the_shortest_and_none_is_honest(schedules: dict[str, Schedule], rule: StartRule) -> None:
    """Nobody moves without need, nobody moves further than needed, and where nothing is proposed nothing fits."""
    verdict = judge_group(schedules, rule, YEAR)
    placed = {n: s for n, s in schedules.items() if n not in verdict.proposals}
    for name, proposal in verdict.proposals.items():
        assert verdict.members[name].collision is not NONE
        fitting = (
            moved
            for shift in (0, *schedules[name].shifts())
            if not any(
                brute({**placed, name: (moved := schedules[name].shifted(shift))}, rule, half)
                for half in readings(schedules)
            )
        )
        assert proposal == next(fitting, None)
        if proposal is not None:
            placed[name] = proposal


@FAST
@given(st.lists(st.lists(st.integers(0, WEEK - 1), min_size=1, max_size=5), max_size=12), st.integers(0, 5), st.data())
def test_crowds_count(starts: list[list[int]], limit: int, data: Any) -> None:
    """Every window's number of members, by counting them one by one."""
    length = data.draw(st.sampled_from([1, 2, 60, 61, WEEK - 1, WEEK]))
    crowd = WindowCounts()
    for each in starts:
        crowd.add(windows_with(each, length))
    for first in {0, WEEK - 1, *((s + d) % WEEK for each in starts for s in each for d in (0, 1, 1 - length, -length))}:
        count = sum(any((s - first) % WEEK < length for s in each) for each in starts)
        assert bool(crowd.above(limit) >> first & 1) == (count > limit)
        assert crowd.fullest(1 << first) == (first, count)


@FAST
@given(st.lists(st.integers(0, WEEK - 1), min_size=1, max_size=5), st.integers(-2 * WEEK, 2 * WEEK))
def test_rotation_is_addition_on_the_week(starts: list[int], by: int) -> None:
    """Turning the circle moves every start."""
    assert rotated(windows_with(starts, 1), by) == windows_with([(s + by) % WEEK for s in starts], 1)


# --- by example ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "rule", "expected"),
    [
        ([standard("22:00"), standard("22:00")], SEED, [CERTAIN, CERTAIN]),
        ([standard("22:00"), standard("22:30")], SEED, [NONE, NONE]),
        ([standard("22:00")] * 4, TODAY, [NONE] * 4),
        ([standard("22:00")] * 5, TODAY, [CERTAIN] * 5),
        ([standard("22:00")] * 4 + [standard("23:00")], TODAY, [NONE] * 5),
        ([standard("22:00")] * 4 + [standard("22:30")], TODAY, [CERTAIN] * 5),
        ([standard("22:00")] * 2 + [standard("22:30")] * 2 + [standard("23:00")], TODAY, [NONE] * 5),
        ([standard("22:00"), standard("22:00", days=["Sunday"])], SEED, [CERTAIN, CERTAIN]),
        ([standard("22:00", days=["Monday"]), standard("22:00", days=["Sunday"])], SEED, [NONE, NONE]),
        ([weekly("23:45", days=["Sunday"]), weekly("00:15", days=["Monday"])], StartRule(1, 60), [CERTAIN, CERTAIN]),
        ([weekly("23:45", days=["Sunday"]), weekly("00:15", days=["Monday"])], StartRule(1, 30), [NONE, NONE]),
        ([hourly("08:00", 4, 12), standard("16:00")], SEED, [CERTAIN, CERTAIN]),
        ([hourly("08:00", 4, 12), standard("14:00")], SEED, [NONE, NONE]),
        ([hourly("20:00", 4, 8), standard("04:00")], SEED, [CERTAIN, CERTAIN]),
        ([standard("22:00", "22:30")] * 2, StartRule(2, 60), [NONE, NONE]),
        ([standard("22:00")], SEED, [NONE]),
        ([], SEED, []),
    ],
)
def test_one_time_zone(policies: list[Any], rule: StartRule, expected: list[Collision]) -> None:
    """Both editions of the rule, over midnight and over the end of the week."""
    assert collisions(judged(*policies, rule=rule)) == expected


@pytest.mark.parametrize("zone", [KOREA, ATLANTIS], ids=repr)
def test_within_one_zone_the_zone_does_not_matter(zone: str) -> None:
    """Equal digits in one zone are equal times however they are read, even where nobody knows the zone."""
    together = judged(standard("22:00", zone=zone), standard("22:00", zone=zone))
    assert collisions(together) == [CERTAIN, CERTAIN]
    apart = judged(standard("22:00", zone=zone), standard("22:30", zone=zone))
    assert collisions(apart) == [NONE, NONE]


def test_missing_zones_are_not_one_zone() -> None:
    """Nobody knows what the digits of two policies without a time zone mean to each other; those of one mean the same."""
    one, other = named("one", standard("22:00", zone="")), named("other", standard("07:00", zone=""))
    same = named("other", standard("22:00", zone=""))
    assert collisions(judged(one, other)) == [UNDETERMINED, UNDETERMINED]
    assert collisions(judged(one, same)) == [UNDETERMINED, UNDETERMINED]
    assert collisions(judged(one, one, other)) == [CERTAIN, CERTAIN, UNDETERMINED]
    assert collisions(judged(one, one)) == [CERTAIN, CERTAIN]
    assert collisions(judged(*[one] * 4, rule=TODAY)) == [NONE] * 4
    assert collisions(judged(one, other, same, one, rule=TODAY)) == [NONE] * 4
    verdict = judged(one, other)
    assert (verdict.unknown_zones, verdict.zones, verdict.proposals) == (("",), ("",), {})
    assert explain(verdict, "web01") == (
        "a policy of its group names no time zone, so the starts of web01 cannot be compared with those of its group"
    )
    twins = [{**one, "id": None, "name": n} for n in ("one", "two")]
    assert collisions(judged(*twins)) == [UNDETERMINED, UNDETERMINED]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (standard("22:00"), standard("22:00", zone=KOREA), UNDETERMINED),
        (standard("13:00"), standard("22:00", zone=KOREA), UNDETERMINED),
        (standard("12:00"), standard("22:00", zone=KOREA), NONE),
        (standard("22:00"), standard("22:00", zone="Etc/UTC"), CERTAIN),
        (standard("13:00", zone="UTC"), standard("05:00", zone=PACIFIC), UNDETERMINED),
        (standard("12:00", zone="UTC"), standard("05:00", zone=PACIFIC), UNDETERMINED),
        (standard("11:00", zone="UTC"), standard("05:00", zone=PACIFIC), NONE),
        (standard("13:00", "22:00"), standard("22:00", zone=KOREA), CERTAIN),
        (weekly("20:00", days=["Sunday"]), weekly("05:00", days=["Monday"], zone=KOREA), UNDETERMINED),
        (standard("22:00"), standard("01:00", zone=ATLANTIS), UNDETERMINED),
        (standard("22:00"), standard("22:00", zone=""), UNDETERMINED),
    ],
)
def test_across_zones(first: Any, second: Any, expected: Collision) -> None:
    """Certain only when both readings agree; daylight saving counts in either half of the year."""
    assert collisions(judged(first, second)) == [expected, expected]


def test_certain_collisions_stay_certain_beside_an_unknown_zone() -> None:
    """Two members of one zone do collide, whatever the third one's policy means."""
    verdict = judged(standard("22:00"), standard("22:00"), standard("01:00", zone=ATLANTIS))
    assert collisions(verdict) == [CERTAIN, CERTAIN, UNDETERMINED]
    assert verdict.unknown_zones == (ATLANTIS,)


def test_unknown_zone_in_a_group_that_cannot_be_too_large() -> None:
    """Four members are never more than four."""
    verdict = judged(*[standard("22:00")] * 3, standard("22:00", zone=ATLANTIS), rule=TODAY)
    assert collisions(verdict) == [NONE] * 4


def times(verdict: GroupVerdict) -> dict[str, str | None]:
    """The proposed times by member."""
    return {n: s.times if s else None for n, s in verdict.proposals.items()}


@pytest.mark.parametrize(
    ("policies", "rule", "expected"),
    [
        ([standard("22:00")] * 3, SEED, {"web02": "22:30", "web03": "23:00"}),
        ([standard("23:30")] * 3, SEED, {"web02": "00:00", "web03": "00:30"}),
        ([standard("22:00")] * 2 + [standard("22:30")] * 2, SEED, {"web02": "23:00", "web04": "23:30"}),
        ([standard("22:00")] * 6, TODAY, {"web05": "23:00", "web06": "23:00"}),
        ([hourly("08:00", 4, 12)] * 2, SEED, {"web02": "every 4 hours from 08:30 to 20:30"}),
        ([weekly("23:30", days=["Sunday"])] * 2, SEED, {"web02": "Mon 00:00"}),
        ([standard("22:00"), standard("12:30"), standard("21:30", zone=KOREA)], SEED, {"web03": "22:30"}),
        # refused in one zone for what local time would bring, and free in the other
        (
            [standard("22:00")] * 2 + [standard("07:30", zone=KOREA), standard("22:00", zone=KOREA)],
            SEED,
            {"web02": "23:00", "web04": "22:30"},
        ),
        # a weekly policy cannot follow a daily one over midnight
        (
            [TWICE, weekly("10:00", "23:00", days=[*WEEKDAYS]), TWICE, standard("10:30")],
            SEED,
            {"web02": "Mon, Tue, Wed, Thu, Fri, Sat, Sun 00:00 and 13:00", "web03": "00:30 and 11:30"},
        ),
        ([standard("22:00")] * 3, StartRule(1, 1440), {"web02": None, "web03": None}),
        ([standard("22:00"), standard("22:30")], SEED, {}),
    ],
)
def test_proposals(policies: list[Any], rule: StartRule, expected: dict[str, str | None]) -> None:
    """The first ones stay, each next one moves to the next half hour that is free."""
    assert times(judged(*policies, rule=rule)) == expected


def test_proposals_do_not_depend_on_the_order_of_reading() -> None:
    """The same group gets the same proposals on every run."""
    schedules = group(*[standard("22:00")] * 7)
    backwards = dict(reversed(schedules.items()))
    assert judge_group(backwards, TODAY, YEAR).proposals == judge_group(schedules, TODAY, YEAR).proposals


@pytest.mark.parametrize(
    ("policies", "rule", "text"),
    [
        (
            [standard("22:00")] * 3,
            SEED,
            "starts daily 22:00 (UTC) together with web02 and web03; at most 1 of a group may start at the same time; start times that fit: web02 22:30, web03 23:00",
        ),
        (
            [standard("22:00")] * 9,
            TODAY,
            "starts daily 22:00 (UTC) within 60 minutes of web02, web03, web04, web05, web06 and 3 more; at most 4 of a group may start within 60 minutes; start times that fit: web05 23:00, web06 23:00, web07 23:00, web08 23:00, web09 00:00",
        ),
        (
            [standard("22:00"), standard("22:00", days=["Sunday"])],
            SEED,
            "starts daily 22:00 (UTC), and on Sun 22:00 together with web02; at most 1 of a group may start at the same time; start times that fit: web02 Sun 22:30",
        ),
        (
            [standard("22:00")] * 2,
            StartRule(1, 1440),
            "starts daily 22:00 (UTC) within 1440 minutes of web02; at most 1 of a group may start within 1440 minutes; no start time fits web02",
        ),
        (
            [standard("22:00"), standard("22:00", zone=KOREA)],
            SEED,
            "read as UTC it starts daily 22:00 (UTC) together with web02, read as local time it does not; which of the two is right is contested, and the policies of its group name Korea Standard Time and UTC; at most 1 of a group may start at the same time; start times that fit: web02 22:30 (Korea Standard Time)",
        ),
        (
            [standard("22:00"), standard("22:00", zone=ATLANTIS), standard("22:00", zone="")],
            SEED,
            "nobody knows the time zone Atlantis Standard Time and a policy of its group names no time zone, so the starts of web01 cannot be compared with those of its group",
        ),
        (
            [standard("22:00"), standard("22:00"), standard("22:00", zone=ATLANTIS)],
            SEED,
            "starts daily 22:00 (UTC) together with web02 and web03; at most 1 of a group may start at the same time; no start times are proposed, for nobody knows the time zone Atlantis Standard Time",
        ),
        ([standard("22:00"), standard("22:30")], SEED, ""),
    ],
)
def test_explanation(policies: list[Any], rule: StartRule, text: str) -> None:
    """Who, when, what is allowed, and what to do."""
    assert explain(judged(*policies, rule=rule), "web01") == text


def test_explanation_shows_the_own_proposal_first() -> None:
    """A member that has to move finds its time although only five are shown."""
    text = explain(judged(*[standard("22:00")] * 40), "web39")
    assert "start times that fit: web39 17:00, web02 22:30, web03 23:00, web04 23:30, web05 00:00 and 34 more" in text


def test_explanation_of_hostile_names_is_printable() -> None:
    """Names of virtual machines come from ARM too."""
    schedule = parse_schedule(standard("22:00"))
    verdict = judge_group({"a\u202e" + "x" * 500: schedule, "b\x1b[31m\n": schedule}, SEED, YEAR)
    for name in verdict.members:
        assert explain(verdict, name).isprintable()
        assert len(explain(verdict, name)) < 400


@pytest.mark.parametrize(("members", "minutes"), [(0, 1), (-1, 60), (1, 0), (1, WEEK + 1)])
def test_rules_that_are_none(members: int, minutes: int) -> None:
    """Nobody may start, or within no time: a mistake, not a rule."""
    with pytest.raises(ValueError, match="no rule"):
        StartRule(members, minutes)


@pytest.mark.parametrize("rule", [SEED, TODAY], ids=["seed", "today"])
@pytest.mark.parametrize("spread", [1, 41], ids=["one policy", "many policies"])
def test_five_hundred_members_are_told_in_one_line(rule: StartRule, spread: int) -> None:
    """Large groups with many starts each: judged as a whole, and the line stays one."""
    policies = [hourly(clock(n % spread * 7), 4, 20, zone=[*OFFSETS][n % min(spread, 5)]) for n in range(500)]
    schedules = group(*policies)
    verdict = judge_group(schedules, rule, YEAR)
    assert 100 < len(explain(verdict, "web01")) < 900


def test_enhanced_daily_and_standard_daily_are_one() -> None:
    """The edition of a policy does not matter, its starts do."""
    assert collisions(judged(standard("22:00"), enhanced("Daily", scheduleRunTimes=["2020-01-24T22:00:00Z"]))) == [
        CERTAIN,
        CERTAIN,
    ]
