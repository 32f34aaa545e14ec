"""What was measured as ratios: a table for people, JSON for machines."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from selftests.bench.guest_reading import LIMITS, Cost, Measured
from selftests.bench.one_by_one import CPU_SAMPLE, FACTS

OVERHEAD: Final = 1.3
"""read_guests may take this many times the wall time of plain ssh with the same command."""
GAIN: Final = 20.0
"""... and must be this many times faster than one command at a time."""


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and the farthest ones: both sides of a round met the same load."""

    middle: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.lowest:.2f} to {self.highest:.2f})"


@dataclass(frozen=True)
class Figures:
    """The outcome of a run."""

    hosts: int
    wall: Ratio
    client_cpu: Ratio
    guest_cpu: Ratio
    one_by_one: float
    """Seconds for all hosts, one after the other."""
    hosts_one_by_one: int
    """How many were really read; fewer than `hosts` means scaled."""
    gain: Ratio
    gain_shared: float
    """Against one connection a host, a habit of few."""

    @property
    def within(self) -> bool:
        """Both targets hold for the medians."""
        return self.wall.middle <= OVERHEAD and self.gain.middle >= GAIN


def figures(measured: Measured, hosts: int) -> Figures:
    """The ratios; those of the reading one by one set its mean host against each round's product time."""
    product, plain = measured.costs["read_guests"], measured.costs["plain ssh, same command"]
    one_by_one = fmean(w.wall for w in measured.walks) * hosts
    shared = fmean(w.wall for w in measured.shared) * hosts
    return Figures(
        hosts,
        _ratio([a.wall / b.wall for a, b in zip(product, plain, strict=True)]),
        _ratio([a.client_cpu / b.client_cpu for a, b in zip(product, plain, strict=True)]),
        _ratio([a.guest_cpu / b.guest_cpu for a, b in zip(product, plain, strict=True)]),
        one_by_one,
        len(measured.walks),
        _ratio([one_by_one / cost.wall for cost in product]),
        shared / median(cost.wall for cost in product),
    )


def _ratio(values: Sequence[float]) -> Ratio:
    return Ratio(median(values), min(values), max(values))


def machine() -> dict[str, str | int]:
    """What the seconds depend on."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.strip()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": models[0] if models else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ssh": ssh,
        "testinfra": version("pytest-testinfra"),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def table(measured: Measured, found: Figures, described: dict[str, str | int]) -> str:
    """The report, ready to print."""
    rounds = len(measured.costs["read_guests"])
    lines = [
        *(f"{name:<12} {value}" for name, value in described.items()),
        "",
        f"{found.hosts} guests, up to {LIMITS.connections} connections at once; medians of {rounds} rounds, seconds",
        f"{'':<32}{'wall':>8}{'client CPU':>12}{'guest CPU':>12}",
        *(_row(name, costs) for name, costs in measured.costs.items()),
        f"{'one command at a time':<32}{found.one_by_one:>8.1f}   {_how_many(measured, found)}",
        "",
        "ratios: median (lowest to highest round)",
        f"{'read_guests / plain ssh':<32}wall {found.wall}, target at most {OVERHEAD}: {_verdict(found.wall.middle <= OVERHEAD)}",
        f"{'':<32}client CPU {found.client_cpu}, guest CPU {found.guest_cpu}",
        f"{'one at a time / read_guests':<32}{found.gain}, target at least {GAIN:g}: {_verdict(found.gain.middle >= GAIN)}",
        f"{'':<32}{found.gain_shared:.1f} if a host's commands share one connection ({len(measured.shared)} hosts read so, scaled)",
        "",
        f"Each way waits {CPU_SAMPLE:g} s a host for the processor's sample. Requests to the network fail at once here.",
    ]
    return "\n".join(lines)


def _row(name: str, costs: Sequence[Cost]) -> str:
    middle = [median(getattr(cost, what) for cost in costs) for what in ("wall", "client_cpu", "guest_cpu")]
    return f"{name:<32}{middle[0]:>8.2f}{middle[1]:>12.2f}{middle[2]:>12.2f}"


def _how_many(measured: Measured, found: Figures) -> str:
    commands = median(w.commands for w in measured.walks)
    scaled = found.hosts_one_by_one < found.hosts
    passes = f"{found.hosts_one_by_one} hosts read, SCALED to {found.hosts}" if scaled else "one full pass, not scaled"
    return f"{len(FACTS)} facts, {commands:g} connections a host; {passes}"


def _verdict(kept: bool) -> str:  # noqa: FBT001  # a word for a truth value
    return "kept" if kept else "MISSED"


def record(measured: Measured, found: Figures, described: dict[str, str | int]) -> dict[str, Any]:
    """The same and every single measurement, for JSON."""
    return {
        "measured at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "targets": {"wall at most": OVERHEAD, "gain at least": GAIN, "kept": found.within},
        "ratios": asdict(found),
        "measurements": asdict(measured),
    }
