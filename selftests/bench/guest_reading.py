"""Measures the ways to read guests side by side: in rounds, in changing order, on the same guests."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from backup_compliance.guest.hosts import Target
from backup_compliance.guest.read import Limits, probe_command, read_guests
from selftests.bench.hosts import Guests
from selftests.bench.one_by_one import Walk, walk

LIMITS: Final = Limits()
COMMAND: Final = probe_command("bench.blob.core.windows.net")
LONGEST: Final = 240.0
"""Seconds that reading one by one may take over all rounds; beyond, fewer hosts are read and scaled."""
FEWER: Final = 4


@dataclass(frozen=True)
class Cost:
    """What one reading of all guests cost, in seconds."""

    wall: float
    client_cpu: float
    """Of this process and the ssh's it started and waited for."""
    guest_cpu: float
    """Of all servers and what they started."""


@dataclass(frozen=True)
class Measured:
    """Everything of one run; lists hold one entry a round."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)
    walks: list[Walk] = field(default_factory=list)
    """One host after the other, a new connection a command: testinfra as it comes."""
    shared: list[Walk] = field(default_factory=list)
    """The same over one connection a host, for information."""


def measure(guests: Guests, rounds: int, say: Callable[[str], None]) -> Measured:
    """Every way in every round; the reading one by one spreads its one pass over the rounds."""
    ways: dict[str, Callable[[], None]] = {
        "read_guests": lambda: _product(guests),
        "plain ssh, same command": lambda: _plain(guests, COMMAND, b"avb-probe 1 end "),
        "plain ssh, true": lambda: _plain(guests, "true", b""),
    }
    _product(guests)  # unmeasured: file caches and imports are nobody's merit
    one_by_one = _affordable(guests, say)
    found = Measured({name: [] for name in ways})
    for number in range(rounds):
        names = list(ways)
        start = number % len(names)
        for name in names[start:] + names[:start]:
            found.costs[name].append(_cost(ways[name], guests))
            say(f"round {number + 1}: {name}: {found.costs[name][-1].wall:.2f} s")
        mine = one_by_one[number::rounds]
        found.walks.extend(walk(address, guests.ssh_config) for address in mine)
        found.shared.extend(walk(address, guests.ssh_config, shared=True) for address in mine[:1])
        say(f"round {number + 1}: one by one: {sum(w.wall for w in found.walks):.1f} s for {len(found.walks)} so far")
    return found


def _affordable(guests: Guests, say: Callable[[str], None]) -> tuple[str, ...]:
    """The hosts to read one by one: all of them if one of them promises that this ends in time."""
    expected = walk(guests.addresses[0], guests.ssh_config).wall * len(guests.addresses)
    say(f"one by one would take about {expected:.0f} s for all {len(guests.addresses)} hosts")
    return guests.addresses if expected <= LONGEST else guests.addresses[:FEWER]


def _product(guests: Guests) -> None:
    """The product's reading; anything but a complete one from every guest is no measurement."""
    targets = [Target(address, f"ssh://root@{address}") for address in guests.addresses]
    read = read_guests(targets, {"ssh_config": str(guests.ssh_config)}, COMMAND, LIMITS)
    problems = [f"{guest.name}: {guest.problem}" for guest in read if guest.problem]
    if problems or len(read) != len(targets):
        raise RuntimeError(f"{len(read)} of {len(targets)} guests read; {problems[:3]}")


def _plain(guests: Guests, command: str, expected: bytes) -> None:
    """What nobody can go below with ssh: its client started as testinfra does, nothing around it."""
    # testinfra's own options; without a ControlPath the control ones change nothing
    options = ["-o", "User=root", "-o", "ConnectTimeout=10", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]

    def read(address: str) -> bool:
        ssh = ["ssh", "-F", str(guests.ssh_config), *options, address, command]
        ended = subprocess.run(ssh, stdin=subprocess.DEVNULL, capture_output=True)
        return ended.returncode == 0 and expected in ended.stdout

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
