"""Everything a run can judge: guests, virtual machines, policies, and which guest is which virtual machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import NamedTuple, TypeVar

from backup_compliance.gathering.folder import Facts
from backup_compliance.guest.recording import Guest, parse_guest
from backup_compliance.judging.joining import Joined, join
from backup_compliance.judging.selection import Selection
from backup_compliance.model.recorded import (
    CLOCK_TOLERANCE,
    Problem,
    ReadProblem,
    RecordedGuest,
    RecordedSubscription,
    host_id,
)
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.platform.estate.lookup import normalize_id, open_estate
from backup_compliance.platform.estate.names import short_names
from backup_compliance.platform.estate.resource_types import RESOURCE_TYPES
from backup_compliance.platform.inventory import find_machines, find_policies, readable_of_type
from backup_compliance.platform.machine import Machine
from backup_compliance.platform.policy import Policy

S = TypeVar("S", Machine, Policy)


class Vm(NamedTuple):
    """One row of the verdicts: its name, the host id of its guest ("" when none was read), whether ARM knows it, or may."""

    name: str
    host: str
    on_platform: bool


@dataclass(frozen=True)
class Subjects:
    """Subjects by id; a `Problem` stands for what was to be judged and could not be read."""

    guests: Mapping[str, Guest | Problem] = field(default_factory=dict)
    machines: Mapping[str, Machine | Problem] = field(default_factory=dict)
    policies: Mapping[str, Policy | Problem] = field(default_factory=dict)
    joined: Joined = field(default_factory=Joined)
    sides: frozenset[str] = frozenset()
    """Which sides anything was read of: `guest`, `platform`."""

    @cached_property
    def names(self) -> Mapping[str, str]:
        """A name for people for every id but host ids, which are names."""
        spelt = {key: each.identity.id for key, each in readable_of_type(self.machines, Machine).items()}
        spelt |= {key: each.id for key, each in readable_of_type(self.policies, Policy).items()}
        return {**short_names(self.policies, spelt), **short_names(self.machines, spelt)}

    @cached_property
    def machine_ids(self) -> Mapping[str, str]:
        """Test ids of virtual machines: unique and fit for a command line."""
        return {key: host_id(self.names[key].replace("/", "~")) for key in self.machines}

    @cached_property
    def policy_ids(self) -> Mapping[str, str]:
        """Test ids of policies."""
        return {key: host_id(self.names[key].replace("/", "~")) for key in self.policies}

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """The key of each id that reports show: ids are sanitized there."""
        return {normalize_id(self.resource_id(key)): key for key in (*self.policies, *self.machines)}

    def resource_id(self, key: str) -> str:
        """The id that reports show for a key: as ARM spells it, or the host id."""
        found = self.machines.get(key) or self.policies.get(key)
        return found.identity.id if isinstance(found, Machine) else found.id if isinstance(found, Policy) else key

    def name_of(self, resource: str) -> str:
        """The name for people of what reports show as `resource`."""
        machine = self.joined.machine_of.get(resource)
        if machine is not None and self.names[machine] != resource:
            return f"{self.names[machine]} ({resource})"
        return self.names.get(self.keys.get(normalize_id(resource), ""), resource)

    def vms(self) -> dict[str, Vm]:
        """Everyone who gets a verdict: virtual machines, and guests that are none of them."""
        found = {}
        for key, machine in readable_of_type(self.machines, Machine).items():
            found[machine.identity.id] = Vm(self.names[key], self.joined.host_of.get(key, ""), on_platform=True)
        taken = {vm.name.casefold() for vm in found.values()}
        for host in self.guests:
            if host not in self.joined.machine_of:
                name = f"{host} (host)" if host.casefold() in taken else host
                found[host] = Vm(name, host, on_platform=self.has_unknown_machines)
        return found

    @property
    def has_unknown_machines(self) -> bool:
        """Whether some virtual machine could not be read, or has no id to be joined by: it may be any host's."""
        return any(isinstance(m, Problem) or m.identity.vm_id is None for m in self.machines.values())

    def narrowed(self, narrowing: Selection) -> Subjects:
        """The machines that are meant, the guests inside them and the policies that back them up.

        What could not be read as a whole stays: it may be what is meant.
        """
        machines = {k: m for k, m in self.machines.items() if isinstance(m, Problem) or _is_meant(m, narrowing)}
        meant = {normalize_id(m.identity.id) for m in readable_of_type(machines, Machine).values()}
        guests = {
            name: guest
            for name, guest in self.guests.items()
            if isinstance(guest, Problem) or self.joined.machine_of.get(name) in machines
        }
        policies = {k: p for k, p in self.policies.items() if isinstance(p, Problem) or _backs_up(p, meant)}
        return replace(self, machines=machines, guests=guests, policies=policies)

    def guest(self, name: str) -> Guest:
        """The guest `name` with a fresh memory of what is asked; `Unreadable` where it was not read."""
        found = self.guests[name]
        if isinstance(found, Problem):
            raise Unreadable(f"{name} was not read: {found.reason}", found.remedy)
        return found.for_one_test()

    def machine(self, key: str) -> Machine:
        """The virtual machine with a fresh memory; `Unreadable` where it was not read."""
        return _readable(self.machines[key]).for_one_test()

    def policy(self, key: str) -> Policy:
        """The backup policy with a fresh memory; `Unreadable` where it was not read."""
        return _readable(self.policies[key]).for_one_test()

    def guest_of(self, key: str) -> Guest | None:
        """The guest inside a virtual machine, with a fresh memory; None where none was read."""
        host = self.joined.host_of.get(key)
        found = self.guests.get(host) if host is not None else None
        return found.for_one_test() if isinstance(found, Guest) else None

    def read_guests(self) -> dict[str, Guest]:
        """The guests that were read, whatever their system, by host id."""
        return {name: guest for name, guest in self.guests.items() if not isinstance(guest, Problem)}

    def machine_around(self, host: str) -> Machine | None:
        """The virtual machine that a guest is inside of, with a fresh memory; None where none was read."""
        found = self.machines.get(self.joined.machine_of.get(host, ""))
        return found.for_one_test() if isinstance(found, Machine) else None

    def problems(self) -> dict[str, Problem]:
        """What could not be read as a whole, by the id that reports show, with what to do."""
        return {
            **readable_of_type(self.guests, Problem),
            **readable_of_type(self.policies, Problem),
            **readable_of_type(self.machines, Problem),
        }


def _is_meant(machine: Machine, narrowing: Selection) -> bool:
    def tags() -> Mapping[str, str] | None:
        try:
            return machine.for_one_test().profile.tags
        except (Unreadable, Undetermined):
            return None

    return narrowing.takes(machine.identity, tags)


def _backs_up(policy: Policy, meant: set[str]) -> bool:
    try:
        items = policy.for_one_test().items
    except Unreadable:
        return True
    return items is None or any(normalize_id(item.vm_id) in meant for item in items)


def _readable(subject: S | Problem) -> S:
    if isinstance(subject, Problem):
        raise Unreadable(subject.reason, subject.remedy)
    return subject


def open_subjects(facts: Facts, now: datetime, max_age: timedelta | None = None) -> Subjects:
    """The subjects behind recorded facts; those of the future, and those older than `max_age`, could not be read."""
    guests = {g.name: _open_guest(g, now, max_age) for g in facts.guests}
    estate = open_estate(_dated(each, now, max_age) for each in facts.subscriptions)
    machines = find_machines(estate)
    read = {name: guest for name, guest in guests.items() if not isinstance(guest, Problem)}
    joined = _join(read, readable_of_type(machines, Machine))
    sides = {side for side, read in (("guest", facts.guests), ("platform", facts.subscriptions)) if read}
    return Subjects(guests, machines, find_policies(estate), joined, frozenset(sides))


def _join(guests: Mapping[str, Guest], machines: Mapping[str, Machine]) -> Joined:
    def addresses_of(host: str) -> tuple[str, ...]:
        try:
            return guests[host].for_one_test().addressing.addresses
        except (Unreadable, Undetermined):
            return ()

    @cache
    def by_address() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, machine in machines.items():
            for address in _addresses(machine.for_one_test()):
                found.setdefault(address, []).append(key)
        return found

    return join(
        {name: guest.identity for name, guest in guests.items()},
        {key: machine.identity for key, machine in machines.items()},
        addresses_of,
        lambda address: by_address().get(address, ()),
    )


def _addresses(machine: Machine) -> list[str]:
    try:
        return [c.address for c in machine.interface.configurations if c.address]
    except (Unreadable, Undetermined):
        return []


def _open_guest(recorded: RecordedGuest, now: datetime, max_age: timedelta | None) -> Guest | Problem:
    if recorded.problem is not None:
        return recorded.problem
    try:
        guest = parse_guest(recorded.output, recorded.read_at)
    except Unreadable as error:
        return Problem(error.reason, error.remedy)
    return _misdated(recorded.read_at, guest.identity.collected_at, now, max_age, f"guests.{recorded.name}") or guest


def _dated(recorded: RecordedSubscription, now: datetime, max_age: timedelta | None) -> RecordedSubscription:
    """The subscription, or one of which nothing counts as read because of its date."""
    problem = _misdated(recorded.read_at, None, now, max_age, f"subscriptions.{recorded.id}")
    return recorded if problem is None else _unread(recorded, problem)


def _misdated(
    read_at: datetime | None, clock: datetime | None, now: datetime, max_age: timedelta | None, entry: str
) -> Problem | None:
    """Why facts do not count as read because of their date, or None.

    `read_at` is the collector's clock, at `entry` in facts.json. The guest's own `clock` stands in for it where it is
    missing. How far it is ahead of `read_at` is a fact like others; where age matters, the older of the two counts.
    """
    times = [t for t in (read_at, clock) if t is not None]
    if not times:
        missing = Problem("when its facts were read is not recorded", f"give {entry}.read_at in facts.json")
        return None if max_age is None else missing
    if times[0] > now + CLOCK_TOLERANCE:
        remedy = f"mend {entry}.read_at in facts.json" if read_at else "set the guest's clock right and collect again"
        return Problem("its facts are dated in the future", remedy)
    if max_age is not None and now - min(times) > max_age:
        age, limit = (t.total_seconds() / 3600 for t in (now - min(times), max_age))
        return Problem(
            f"its facts are {age:.1f} hours old, the limit is {limit:g}", "collect again, or raise --max-facts-age"
        )
    return None


def _unread(recorded: RecordedSubscription, problem: Problem) -> RecordedSubscription:
    unread = tuple(ReadProblem(kind, problem.reason, problem.remedy) for kind in RESOURCE_TYPES)
    return replace(recorded, documents={}, problems=unread)
