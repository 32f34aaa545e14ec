"""Reads a large subscription through the simulated ARM, and says how that compares with what the rate limit alone imposes.

`python -m selftests.bench.arm_reading [MACHINES]` needs no root; 1 when a target is missed. Server and reader are processes
of their own: what one costs is not counted with the other.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from backup_compliance.platform.arm_pace import Limits
from backup_compliance.platform.clouds import endpoint_of
from backup_compliance.platform.read import Scope, read_subscriptions
from selftests.arm import READ_AT, SUBSCRIPTION
from selftests.arm_simulator import METRICS_TOKEN, TOKEN, serving
from selftests.bench.arm_estate import NETWORKS, RUNNING, VAULTS, estate

MACHINES: Final = 1000
PAGE: Final = 200
ONCE: Final = 60
"""Requests that do not grow with the number of machines."""
SLOWER: Final = 1.2
"""... than the rate limit alone allows."""
MEGABYTES: Final = 400
PACES: Final = {"at ARM's pace": Limits(), "without a limit": replace(Limits(), burst=10**9, per_second=1e9)}


@dataclass(frozen=True)
class Reading:
    """One reading of the whole subscription."""

    seconds: float
    megabytes: float
    """The reader's peak, Azure's packages included."""
    requests: int
    pages: int
    """Requests for a further page among them."""
    views: int
    batches: int
    problems: int

    @property
    def once(self) -> int:
        """Requests that are neither pages nor instance views nor batches of metrics."""
        return self.requests - self.pages - self.views - self.batches

    @property
    def floor(self) -> float:
        """Seconds that the rate limit alone takes for so many requests to ARM."""
        limits = Limits()
        return max(0.0, (self.requests - self.batches - limits.burst) / limits.per_second)


def serve(machines: int, folder: Path) -> None:
    """Be ARM until standard input ends; then tell what was asked."""
    with serving(folder, estate(machines)) as simulator:
        simulator.page_size = PAGE
        told = {"url": simulator.url, "metrics": simulator.metrics_url, "ca": str(simulator.authority)}
        print(json.dumps(told), flush=True)
        for _ in sys.stdin:
            kinds = [(a.path, json.dumps(a.query)) for a in simulator.asked]
            counted = {
                "requests": len(kinds),
                "pages": sum("skiptoken" in query.lower() for _, query in kinds) + simulator.graph_pages,
                "views": sum("instanceView" in query for _, query in kinds),
                "batches": sum(path.endswith("metrics:getBatch") for path, _ in kinds),
            }
            simulator.asked.clear()
            simulator.graph_pages = 0
            print(json.dumps(counted), flush=True)


def read(pace: str, where: dict[str, str]) -> None:
    """Read once, and tell what that took."""
    endpoint = endpoint_of("public", where["url"], where["metrics"])
    begun = time.monotonic()
    (found,) = read_subscriptions(Scope([SUBSCRIPTION]), endpoint, PACES[pace], now=lambda: READ_AT)
    seconds = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak, "problems": len(found.problems)}))


def measure(machines: int) -> dict[str, Reading]:
    """Both paces, one after the other, against one server."""
    command = [sys.executable, "-m", "selftests.bench.arm_reading"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [*command, "serve", str(machines), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            where = json.loads(server.stdout.readline())
            environment = {
                **os.environ,
                "REQUESTS_CA_BUNDLE": where["ca"],
                "NO_PROXY": "localhost,127.0.0.1",
                "ARM_ACCESS_TOKEN": TOKEN,
                "METRICS_ACCESS_TOKEN": METRICS_TOKEN,
            }
            found = {}
            for pace in PACES:
                done = subprocess.run(
                    [*command, "read", pace, json.dumps(where)], env=environment, capture_output=True, text=True
                )
                if done.returncode:
                    raise RuntimeError(done.stderr)
                server.stdin.write("\n")
                server.stdin.flush()
                found[pace] = Reading(**json.loads(done.stdout), **json.loads(server.stdout.readline()))
            return found
        finally:
            server.stdin.close()
            server.wait(20)


def report(machines: int, found: dict[str, Reading]) -> bool:
    """Print the figures; whether all targets are kept."""
    paced, free = found.values()
    ratio = paced.seconds / paced.floor if paced.floor else 0.0
    running = round(machines * RUNNING)
    print(
        f"{machines} virtual machines, {running} of them running, {VAULTS} vaults, {NETWORKS} networks; pages of {PAGE}\n"
        f"requests      {paced.requests}: {paced.once} once (at most {ONCE}), {paced.pages} further pages, {paced.views} instance views, {paced.batches} batches of metrics\n"
        f"at ARM's pace {paced.seconds:.1f} s, {ratio:.2f} x what the rate limit alone takes ({paced.floor:.1f} s; at most {SLOWER})\n"
        f"without limit {free.seconds:.1f} s, {paced.seconds / free.seconds:.1f} x faster; the simulator serves at most {free.requests / free.seconds:.0f} a second\n"
        f"memory        {paced.megabytes:.0f} MB at the peak (at most {MEGABYTES})"
    )
    kept = (
        paced.once <= ONCE
        and paced.views == running
        and ratio <= SLOWER
        and paced.megabytes <= MEGABYTES
        and not paced.problems
    )
    print("targets kept" if kept else "TARGET MISSED")
    return kept


def main(argv: list[str]) -> int:
    """The command line, and the two processes behind it."""
    match argv:
        case ["serve", machines, folder]:
            serve(int(machines), Path(folder))
            return 0
        case ["read", pace, where]:
            told: dict[str, Any] = json.loads(where)
            read(pace, told)
            return 0
    count = int(argv[0]) if argv else MACHINES
    return 0 if report(count, measure(count)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
