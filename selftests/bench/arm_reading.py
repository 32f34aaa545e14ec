"""Reads subscriptions of three sizes through the simulated ARM, against what rate limit and latency alone impose.

`python -m selftests.bench.arm_reading [MACHINES ...]` needs no root; 1 when a target is missed. Server and reader are
processes of their own: what one costs is not counted with the other. About five minutes, most of them ARM's pace.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from backup_compliance.platform.arm.clouds import endpoint_of
from backup_compliance.platform.arm.pace import ArmLimits
from backup_compliance.platform.arm.read import Scope, read_subscriptions
from selftests.bench.arm_estate import RUNNING
from selftests.bench.arm_server import serve
from selftests.bench.results import Figure, Section, finish
from selftests.builders.arm import READ_AT, SUBSCRIPTION
from selftests.builders.arm_simulator import METRICS_TOKEN, TOKEN

SIZES: Final = (100, 1000, 5000)
ONCE: Final = 60
"""Requests that do not grow with the number of machines."""
SLOWER: Final = {"at ARM's pace": 1.2, "without a limit": 1.5}
"""... than rate limit and latency alone allow; without the limit, the Azure clients' own work shows."""
SHORT: Final = 2.0
"""Seconds of a floor below which opening the connections shows, once, whatever is read: told, not judged."""
GROWTH: Final = 1.1
"""... of the memory at its peak, beside that of the facts."""
LATENCY: Final = 0.05
"""Seconds that every request takes at the least."""
SERVED: Final = 1.1
"""... of that, beyond which the simulator is measured and not the reader."""
LONGEST: Final = 210.0
"""Seconds that a reading at ARM's pace may take here; what would take longer is read without the limit only."""
LIMITS: Final = ArmLimits()
PACED: Final = "at ARM's pace"
FREE: Final = "without a limit"
PACES: Final = {PACED: LIMITS, FREE: replace(LIMITS, burst=10**9, per_second=1e9)}


@dataclass(frozen=True)
class Reading:
    """One reading of the whole subscription."""

    pace: str
    machines: int
    seconds: float
    cpu: float
    """Seconds of the reader."""
    imported: float
    """Megabytes before anything is asked: the interpreter with Azure's packages."""
    peak: float
    """Megabytes, those included."""
    facts: float
    """Megabytes of JSON that were read."""
    problems: int
    requests: int
    pages: int
    """Requests for a further page among them."""
    views: int
    batches: int
    rows: int
    """Requests to Resource Graph, which has a limit of its own."""
    stages: list[tuple[int, int]]
    """Requests, and those that had to follow each other, of each step that has to wait for the one before."""
    served: float
    """Seconds that a reply took in the server, on average."""
    server_cpu: float

    @property
    def once(self) -> int:
        """Requests that are neither pages nor instance views nor batches of metrics."""
        return self.requests - self.pages - self.views - self.batches

    @property
    def floors(self) -> dict[str, float]:
        """Seconds that nobody gets below, by what imposes them."""
        counted = self.requests - self.batches - self.rows - LIMITS.burst
        return {
            "the rate limit": max(0.0, counted / LIMITS.per_second) if self.pace == PACED else 0.0,
            "latency": LATENCY * sum(max(all_ / LIMITS.connections, in_turn) for all_, in_turn in self.stages),
        }

    @property
    def slower(self) -> float:
        """How many times the floor it took."""
        return self.seconds / max(self.floors.values())

    @property
    def beyond(self) -> float:
        """Megabytes at the peak for each of the facts."""
        return (self.peak - self.imported) / self.facts


def read(pace: str, where: dict[str, str]) -> None:
    """Read once, and tell what that took."""
    endpoint = endpoint_of("public", where["url"], where["metrics"])
    imported, begun, worked = _megabytes("VmRSS"), time.monotonic(), time.process_time()
    (found,) = read_subscriptions(Scope([SUBSCRIPTION]), endpoint, PACES[pace], now=lambda: READ_AT)
    told = {
        "seconds": time.monotonic() - begun,
        "cpu": time.process_time() - worked,
        "imported": imported,
        "peak": _megabytes("VmHWM"),
        "facts": sum(map(len, found.documents.values())) / 2**20,
        "problems": len(found.problems),
    }
    print(json.dumps(told))


def _megabytes(name: str) -> float:
    """Of this process; the peak is its own, which that of `resource` is not: it starts with the parent's."""
    (line,) = (n for n in Path("/proc/self/status").read_text().splitlines() if n.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def measure(machines: int) -> Iterator[Reading]:
    """A reading without the limit, then one at ARM's pace where that ends in time, from one server."""
    command = [sys.executable, "-m", "selftests.bench.arm_reading"]
    with tempfile.TemporaryDirectory() as folder, _server([*command, "serve", str(machines), folder]) as ask:
        where = ask("")
        environment = {
            **os.environ,
            "REQUESTS_CA_BUNDLE": where["ca"],
            "NO_PROXY": "localhost,127.0.0.1",
            "ARM_ACCESS_TOKEN": TOKEN,
            "METRICS_ACCESS_TOKEN": METRICS_TOKEN,
        }
        for pace in (FREE, PACED):
            done = subprocess.run(
                [*command, "read", pace, json.dumps(where)], env=environment, capture_output=True, text=True
            )
            if done.returncode:
                raise RuntimeError(done.stderr)
            found = Reading(pace=pace, machines=machines, **json.loads(done.stdout), **ask("\n"))
            yield found
            if max(replace(found, pace=PACED).floors.values()) > LONGEST:
                return


@contextmanager
def _server(command: Sequence[str]) -> Iterator[Callable[[str], dict[str, Any]]]:
    """A server in a process of its own; what it gives tells the server something and returns what that replies."""
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    given, told = server.stdin, server.stdout

    def ask(text: str) -> dict[str, Any]:
        given.write(text)
        given.flush()
        return dict(json.loads(told.readline()))

    try:
        yield ask
    finally:
        given.close()
        server.wait(20)


def figures(readings: Sequence[Reading]) -> Iterator[Figure]:
    """Requests, time and memory of all readings."""
    once = {r.once for r in readings}
    told = ", ".join(
        f"{r.machines:,} VMs: {r.requests:,} with {r.pages} pages, {r.batches} batches"
        for r in readings
        if r.pace == FREE
    )
    yield Figure("requests that do not grow with the VMs", max(once), at_most=ONCE, unit="requests", told=told)
    yield Figure("... and how far they differ by size", max(once) - min(once), at_most=0, unit="requests")
    beyond = max(abs(r.views - round(r.machines * RUNNING)) for r in readings)
    yield Figure("instance views beyond one a running VM", beyond, at_most=0, unit="requests")
    yield Figure("what could not be read", sum(r.problems for r in readings), at_most=0, unit="problems")
    for each in readings:
        binding, floor = max(each.floors.items(), key=lambda f: f[1])
        told = f"{each.seconds:.1f} s, {binding} {floor:.1f} s; reader {each.cpu / each.requests * 1000:.1f} ms of a core a request"
        most = SLOWER[each.pace] if floor >= SHORT else None
        yield Figure(f"{each.machines:,} VMs {each.pace}", each.slower, at_most=most, told=told)
    busiest = max(readings, key=lambda r: r.served)
    able = f"it could serve {busiest.requests / busiest.server_cpu:,.0f} a second and core, and was asked {busiest.requests / busiest.seconds:,.0f}"
    yield Figure("a reply's way through the simulator", busiest.served / LATENCY, at_most=SERVED, told=able)
    yield from _memory(readings)


def _memory(readings: Sequence[Reading]) -> Iterator[Figure]:
    most = {r.machines: r for r in sorted(readings, key=lambda r: r.peak)}
    for each in sorted(most.values(), key=lambda r: r.machines):
        told = f"{each.peak:.0f} MB at the peak, {each.imported:.0f} MB of them before; facts {each.facts:.1f} MB"
        yield Figure(f"memory for facts of {each.machines:,} VMs", each.beyond, told=told)
    *_, large = sorted(most)
    for small in sorted(most)[-2:-1]:
        grown = most[large].beyond / most[small].beyond
        yield Figure(f"... and its growth to {large:,} from {small:,} VMs", grown, at_most=GROWTH)


def main(argv: list[str]) -> int:
    """The command line, and the two processes behind it."""
    match argv:
        case ["serve", machines, folder]:
            serve(int(machines), LATENCY, Path(folder))
            return 0
        case ["read", pace, where]:
            read(pace, json.loads(where))
            return 0
    sizes = [int(text) for text in argv] or SIZES
    readings = [reading for machines in sizes for reading in measure(machines)]
    floor = f"ARM's rate limit, and {LATENCY * 1000:g} ms a request over {LIMITS.connections} connections: nobody reads faster"
    measurements = [{**asdict(r), "floors": r.floors} for r in readings]
    return finish(Section("arm reading", floor, tuple(figures(readings)), measurements))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
