"""Virtual machines whose backups are not to start together, and when each of them starts; pure.

The article speaks of a cloud service. Its successors are availability sets and flexible scale sets; a tag of the user's
own may say better what belongs together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from backup_compliance.model.arm_json import last_segment
from backup_compliance.model.verdicts import RECOLLECT, NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.estate.compute import parse_identity, parse_profile
from backup_compliance.platform.estate.facts import Profile, VmIdentity
from backup_compliance.platform.estate.lookup import Estate, normalize_id
from backup_compliance.platform.estate.names import short_names
from backup_compliance.platform.estate.protection import find_policy, find_protection
from backup_compliance.platform.estate.references import UNREADABLE
from backup_compliance.schedules.policies import Schedule, parse_schedule
from backup_compliance.schedules.start_collisions import Collision, GroupVerdict, StartRule, explain, judge_group

REFERENCE_YEAR: Final = 2026
"""For daylight saving time where it is not known when the facts were read."""
DOUBTS: Final = 3


@dataclass(frozen=True, slots=True)
class Grouping:
    """What makes a group besides availability sets, scale sets and classic domains."""

    tag: str = ""
    """Machines of a subscription with equal values of this tag are one group, before all else; empty for no tag."""
    by_resource_group: bool = False
    """Machines in no other group are grouped by resource group."""


@dataclass(frozen=True)
class ScheduleGroup:
    """The protected members of one group by name, and why others could not be counted."""

    label: str
    """`availability set web`."""
    schedules: Mapping[str, Schedule]
    names: Mapping[str, str]
    """Every member's name by normalize_id id."""
    doubts: tuple[str, ...]
    _verdicts: dict[tuple[StartRule, int], GroupVerdict] = field(default_factory=dict, repr=False, compare=False)

    def judged(self, rule: StartRule, year: int) -> GroupVerdict:
        """The verdict on the whole group, made once."""
        if (rule, year) not in self._verdicts:
            self._verdicts[rule, year] = judge_group(self.schedules, rule, year)
        return self._verdicts[rule, year]


@dataclass(frozen=True, slots=True)
class _Index:
    members: Mapping[tuple[str, str], list[VmIdentity]]
    doubts: tuple[str, ...]


def find_schedule_group(estate: Estate, vm: VmIdentity, profile: Profile, grouping: Grouping) -> ScheduleGroup:
    """The group of a virtual machine; `NotApplicable` where it is in none, or alone in it."""
    key = _key(vm, profile, grouping)
    if key is None:
        raise NotApplicable("the VM is in no availability set, scale set or classic domain, nor in a group by tag")
    subscription = vm.subscription_id
    index = estate.cached(("schedule groups", subscription, grouping), lambda: _index(estate, subscription, grouping))
    members = index.members.get(key, [])
    if len(members) < 2 and not index.doubts:
        raise NotApplicable(f"the VM is alone in {_label(key)}")
    return estate.cached(
        ("schedule group", subscription, grouping, key), lambda: _group(estate, key, members, index.doubts)
    )


def schedule_failure(group: ScheduleGroup, vm: VmIdentity, rule: StartRule, year: int) -> str | None:
    """With whom a machine starts its backup, against the rule; or None.

    Raises `NotApplicable` for the only protected member, `Undetermined` where not every member's start is known or
    only one reading of the policies' times makes them collide.
    """
    verdict = group.judged(rule, year)
    name = group.names[normalize_id(vm.id)]
    collision = verdict.members[name].collision
    if collision is Collision.CERTAIN:
        return f"in {group.label} it {explain(verdict, name)}"
    if group.doubts:
        more = f" and {len(group.doubts) - DOUBTS} more" if len(group.doubts) > DOUBTS else ""
        raise Undetermined(f"not every start in {group.label} is known: {'; '.join(group.doubts[:DOUBTS])}{more}")
    if collision is Collision.UNDETERMINED:
        raise Undetermined(f"in {group.label}: {explain(verdict, name)}")
    if len(group.schedules) < 2:
        raise NotApplicable(f"the VM is the only protected one in {group.label}")
    return None


def find_schedule(estate: Estate, vm: VmIdentity) -> Schedule | None:
    """When a machine's backups start; None where no vault backs it up. Raises `Unreadable` or `Undetermined`."""
    protection = find_protection(estate, vm)
    if protection is None or not protection.is_live:
        return None
    policy = find_policy(estate, protection)
    return estate.cached(("schedule", normalize_id(str(policy.get("id", "")))), lambda: parse_schedule(policy))


def _key(vm: VmIdentity, profile: Profile, grouping: Grouping) -> tuple[str, str] | None:
    if grouping.tag and profile.tags is None:
        raise Unreadable(f"the tags of {vm.name} cannot be read", RECOLLECT)
    tags = {name.lower(): value for name, value in (profile.tags or {}).items()}
    candidates = (
        (f"tag {grouping.tag}", tags.get(grouping.tag.lower()) or None if grouping.tag else None),
        ("availability set", profile.availability_set),
        ("scale set", profile.scale_set),
        ("classic domain", profile.classic_domain),
        ("resource group", vm.resource_group if grouping.by_resource_group else None),
    )
    kind, value = next(((k, v) for k, v in candidates if v is not None), ("", None))
    if value == UNREADABLE:
        raise Unreadable(f"the {kind} of {vm.name} cannot be read", RECOLLECT)
    # ids differ in case only, values of tags do not
    return None if value is None else (kind, value if kind.startswith("tag ") else normalize_id(value))


def _label(key: tuple[str, str]) -> str:
    return f"{key[0]} {last_segment(key[1])}"


def _index(estate: Estate, subscription: str, grouping: Grouping) -> _Index:
    members: dict[tuple[str, str], list[VmIdentity]] = {}
    listing = estate.listing(subscription, "virtualMachines")
    doubts = [f"virtualMachines: {entry}" for entry in listing.damaged]
    doubts += [f"virtual machine {last_segment(key)}: {p.reason}" for key, p in listing.problems.items()]
    for record in listing.resources.values():
        vm = parse_identity(record)
        try:
            key = _key(vm, parse_profile(record), grouping)
        except Unreadable as error:
            doubts.append(f"the group of {vm.name}: {error.reason}")
            continue
        if key is not None:
            members.setdefault(key, []).append(vm)
    return _Index(members, tuple(doubts))


def _group(estate: Estate, key: tuple[str, str], members: list[VmIdentity], doubts: tuple[str, ...]) -> ScheduleGroup:
    found: dict[str, Schedule] = {}
    unknown = list(doubts)
    names = short_names((normalize_id(vm.id) for vm in members), {normalize_id(vm.id): vm.id for vm in members})
    for vm in members:
        try:
            schedule = find_schedule(estate, vm)
        except (Unreadable, Undetermined) as error:
            unknown.append(f"{vm.name}: {_reason(error)}")
            continue
        if schedule is not None:
            found[names[normalize_id(vm.id)]] = schedule
    return ScheduleGroup(_label(key), found, names, tuple(unknown))


def _reason(error: Unreadable | Undetermined) -> str:
    return error.reason if isinstance(error, Unreadable) else str(error)


def shown(group: ScheduleGroup) -> Iterator[tuple[str, str]]:
    """The group as evidence: each protected member and when it starts."""
    yield "group", f"{group.label}, {len(group.names)} members, {len(group.schedules)} of them protected"
    for name, schedule in group.schedules.items():
        yield name, schedule.text
