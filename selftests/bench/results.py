"""What every bench comes to: figures beside their floors, in one table and in one file."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

from selftests.builders.product import ROOT

FILE: Final = ROOT / "reports/bench.json"
_PACKAGES: Final = ("pytest", "pytest-testinfra", "pytest-xdist", "azure-core")


@dataclass(frozen=True)
class Figure:
    """One ratio, or a number that has a limit of its own."""

    what: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "x"
    spread: tuple[float, float] | None = None
    """The lowest and the highest round, where several were measured."""
    told: str = ""
    """The seconds, bytes or requests that are behind it."""

    @property
    def kept(self) -> bool:
        """Within its limits; one without limits is for information."""
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    @property
    def verdict(self) -> str:
        """The limit and whether it is kept, in words."""
        ends = ("at most", self.at_most), ("at least", self.at_least)
        limits = [f"{name} {end:g}" for name, end in ends if end is not None]
        return f"{', '.join(limits)}: {'kept' if self.kept else 'MISSED'}" if limits else ""

    def __str__(self) -> str:
        number = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.2f}"
        spread = f" ({self.spread[0]:.2f} to {self.spread[1]:.2f})" if self.spread else ""
        rest = [text for text in (self.verdict, self.told) if text]
        return f"  {self.what:<44} {number:>8} {self.unit}{spread}{'  ' if rest else ''}{'; '.join(rest)}"


@dataclass(frozen=True)
class Section:
    """One thing that was measured."""

    name: str
    floor: str
    """What it is compared with, and why nobody gets below."""
    figures: tuple[Figure, ...]
    measurements: Any = field(default=None, repr=False)
    """Every single measurement, as JSON takes it."""

    @property
    def kept(self) -> bool:
        """Every target holds."""
        return all(figure.kept for figure in self.figures)

    def __str__(self) -> str:
        return "\n".join([self.name, f"  against: {self.floor}", *map(str, self.figures)])


def figure_of(what: str, ratios: Sequence[float], **given: Any) -> Figure:
    """The median of several rounds' ratios, and their ends: both sides of a round met the same load."""
    return Figure(what, median(ratios), spread=(min(ratios), max(ratios)), **given)


def finish(section: Section) -> int:
    """Print a section and keep it in the file; 0 when its targets hold, else 1."""
    print(section, flush=True)
    found = {**recorded(), section.name: _document(section)}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if section.kept else 1


def recorded() -> dict[str, Any]:
    """What the file holds: sections by name; empty without a file, or with one that is none of ours."""
    try:
        found = json.loads(FILE.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _document(section: Section) -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "floor": section.floor,
        "kept": section.kept,
        "figures": [{**asdict(f), "kept": f.kept} for f in section.figures],
        "measurements": section.measurements,
    }


def machine() -> dict[str, str | int]:
    """What the seconds depend on."""
    info = _text("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    memory = [line.split()[1] for line in _text("/proc/meminfo") if line.startswith("MemTotal:")]
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "processor": models[0] if models else platform.machine(),
        "memory_mb": int(memory[0]) // 1024 if memory else 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ssh": _ssh(),
        **{name: version(name) for name in _PACKAGES},
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def described(found: dict[str, str | int]) -> str:
    """The machine in a few lines."""
    return "\n".join(f"{name:<18} {value}" for name, value in found.items())


def _text(path: str) -> Iterable[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return []


def _ssh() -> str:
    found = shutil.which("ssh")
    return subprocess.run([found, "-V"], capture_output=True, text=True).stderr.strip() if found else "none"
