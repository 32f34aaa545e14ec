"""Measures the ways to read guests side by side: in rounds, in changing order, on the same guests."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from backup_compliance.guest.linux.probe import probe_command
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.guest.transport.read import ReadLimits, read_guests
from selftests.bench import users_file
from selftests.bench.hosts import Guests
from selftests.bench.one_by_one import Walk, walk

LIMITS: Final = ReadLimits()
COMMAND: Final = probe_command("bench.blob.core.windows.net")


@dataclass(frozen=True)
class Cost:
    """What one reading of all guests cost, in seconds."""

    wall: float
    client_cpu: float
    """Of this process and the ssh's it started and waited for."""
    guest_cpu: float
    """Of all servers and what they started."""


@dataclass(frozen=True)
class Round:
    """Every way once."""

    product: Cost
    plain: Cost
    """ssh with the same command, as many at once."""
    walk: Walk | None
    """One host, a command a fact and a connection a command: testinfra as it comes. In the first and the last round only."""


@dataclass(frozen=True)
class Measured:
    """One fleet."""

    hosts: int
    rounds: tuple[Round, ...]
    file: users_file.Run


def measure(guests: Guests, rounds: int, workers: int, say: Callable[[str], None]) -> Measured:
    """Every way in every round, each beginning with another one; the users' file once, by so many workers."""
    count = len(guests.addresses)
    _product(guests.first(LIMITS.connections))  # unmeasured: file caches and imports are nobody's merit
    found = []
    for number in range(rounds):
        found.append(_round(guests, number, walking=number in (0, rounds - 1)))
        say(
            f"{count} guests, round {number + 1}: read_guests {found[-1].product.wall:.2f} s, ssh {found[-1].plain.wall:.2f} s"
        )
    file = users_file.run(guests, workers)
    say(f"{count} guests: the users' file {file.wall:.1f} s")
    return Measured(count, tuple(found), file)


def _round(guests: Guests, number: int, *, walking: bool) -> Round:
    costs: dict[str, Cost] = {}
    walks: list[Walk] = []
    # from the end, which no two fleets have in common: testinfra keeps what it knows of a host
    address = guests.addresses[-1 - number % len(guests.addresses)]
    ways: list[Callable[[], object]] = [
        lambda: costs.update(product=_cost(lambda: _product(guests), guests)),
        lambda: costs.update(plain=_cost(lambda: _plain(guests), guests)),
    ]
    if walking:
        ways.append(lambda: walks.append(walk(address, guests.ssh_config)))
    first = number % len(ways)
    for way in ways[first:] + ways[:first]:
        way()
    return Round(**costs, walk=walks[0] if walks else None)


def _product(guests: Guests) -> None:
    """The product's reading; anything but a complete one from every guest is no measurement."""
    targets = [Target(address, f"ssh://root@{address}") for address in guests.addresses]
    read = read_guests(targets, {"ssh_config": str(guests.ssh_config)}, COMMAND, LIMITS)
    problems = [f"{guest.name}: {guest.problem}" for guest in read if guest.problem]
    if problems or len(read) != len(targets):
        raise RuntimeError(f"{len(read)} of {len(targets)} guests read; {problems[:3]}")


def _plain(guests: Guests) -> None:
    """What nobody can go below with ssh: its client started as testinfra does, nothing around it."""
    # testinfra's own options; without a ControlPath the control ones change nothing
    options = ["-o", "User=root", "-o", "ConnectTimeout=10", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]

    def read(address: str) -> bool:
        ssh = ["ssh", "-F", str(guests.ssh_config), *options, address, COMMAND]
        # a session of its own, as read_guests has it: the kernel shares the processor out by session
        ended = subprocess.run(ssh, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
        return ended.returncode == 0 and b"avb-probe 1 end " in ended.stdout

    with ThreadPoolExecutor(LIMITS.connections) as pool:
        complete = list(pool.map(read, guests.addresses))
    if not all(complete):
        raise RuntimeError(f"{complete.count(False)} of {len(complete)} guests failed over plain ssh")


def _cost(way: Callable[[], None], guests: Guests) -> Cost:
    guest_cpu, client_cpu, begun = guests.cpu(), _cpu(), time.perf_counter()
    way()
    wall = time.perf_counter() - begun
    client_cpu = _cpu() - client_cpu
    time.sleep(0.5)  # the servers are still reaping; the next way shall not pay for this one
    return Cost(wall, client_cpu, guests.cpu() - guest_cpu)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
