"""The whole run on recorded facts, against as many empty tests: `python -m selftests.bench.run`.

The floor is pytest itself: one file of empty parametrized tests, as many as the suite has findings. What is above it is the
suite's own: loading, judging, five reports. Both run in processes of their own, one after the other, in changing order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from backup_compliance.gathering.folder import save_facts
from selftests.bench.results import Figure, Section, figure_of, finish
from selftests.builders.fleet import VMS, fleet
from selftests.builders.product import ROOT

COPIES: Final = 42
ROUNDS: Final = 3
TIMES: Final = 1.3
"""... of the empty tests' wall time."""
MEMORY: Final = 2.5
PLAIN: Final = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
"""Neither side pays for plugins that only the self-tests have."""
EMPTY: Final = """
import pytest
@pytest.mark.parametrize("n", range({count}))
def test_empty(n):
    pass
"""


@dataclass(frozen=True)
class Ran:
    """What one run took."""

    wall: float
    cpu: float
    megabytes: float
    """The largest process's peak."""


def ran(where: Path, *arguments: str, expected: int) -> Ran:
    """One run of pytest, with everything it started."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *PLAIN, *arguments], cwd=where, stdout=told, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expected:
            told.seek(0)
            raise SystemExit(f"pytest ended with {process.returncode}:\n{told.read()[-3000:].decode()}")
    return Ran(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def measure(folder: Path) -> tuple[dict[str, list[Ran]], int, bool]:
    """Every way in every round; how many findings there are, and whether several processes find the same."""
    save_facts(fleet(COPIES), folder / "facts")
    ours = (f"--facts={folder / 'facts'}", f"--report-dir={folder / 'one'}")
    ran(ROOT, *ours, expected=1)  # unmeasured: file caches are nobody's merit
    findings = _findings(folder / "one")
    empty = folder / "empty"
    empty.mkdir()
    (empty / "pytest.ini").write_text("[pytest]\n")
    (empty / "test_empty.py").write_text(EMPTY.format(count=len(findings)))
    several = (f"--facts={folder / 'facts'}", f"--report-dir={folder / 'several'}", "-n", "auto")
    ways: dict[str, Callable[[], Ran]] = {
        "suite": lambda: ran(ROOT, *ours, expected=1),
        "empty": lambda: ran(empty, expected=0),
        "suite -n auto": lambda: ran(ROOT, *several, expected=1),
        "empty -n auto": lambda: ran(empty, "-n", "auto", expected=0),
    }
    found: dict[str, list[Ran]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        names = list(ways)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(ways[name]())
            print(f"round {number + 1}: {name}: {found[name][-1].wall:.1f} s", file=sys.stderr, flush=True)
    return found, len(findings), findings == _findings(folder / "several")


def _findings(folder: Path) -> list[Any]:
    found: list[Any] = json.loads((folder / "compliance.json").read_bytes())["findings"]
    return found


def ratios(above: Sequence[Ran], below: Sequence[Ran], what: str) -> list[float]:
    """One round's figure over the same round's."""
    return [getattr(a, what) / getattr(b, what) for a, b in zip(above, below, strict=True)]


def section(found: dict[str, list[Ran]], findings: int, same: bool) -> Section:  # noqa: FBT001
    """The figures."""
    suite, empty, several = found["suite"], found["empty"], found["suite -n auto"]
    vms = COPIES * VMS

    def told(name: str) -> str:
        middle = sorted(found[name], key=lambda each: each.wall)[ROUNDS // 2]
        return f"{middle.wall:.1f} s, {middle.megabytes:.0f} MB"

    own = min(s.megabytes for s in suite) - min(e.megabytes for e in empty)
    return Section(
        f"whole run, {vms:,} recorded VMs, {findings:,} findings",
        f"as many empty parametrized tests ({told('empty')})",
        (
            figure_of("wall", ratios(suite, empty, "wall"), at_most=TIMES, told=told("suite")),
            figure_of("processor time", ratios(suite, empty, "cpu")),
            figure_of("peak memory", ratios(suite, empty, "megabytes"), at_most=MEMORY),
            Figure("memory a VM beyond the empty tests'", own / vms, unit="MB"),
            figure_of(
                "wall, -n auto, against empty -n auto",
                ratios(several, found["empty -n auto"], "wall"),
                told=told("suite -n auto"),
            ),
            figure_of("wall of one process against -n auto", ratios(suite, several, "wall")),
            Figure("findings of -n auto that equal one process's", float(same), at_least=1, unit="(1: all)"),
        ),
        {name: [asdict(each) for each in runs] for name, runs in found.items()},
    )


def main() -> int:
    """Print the figures; 0 when every target is kept."""
    with tempfile.TemporaryDirectory(prefix="bench-run-") as folder:
        return finish(section(*measure(Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
