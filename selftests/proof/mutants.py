"""Mutants of the rooms that come to verdicts, shown to the self-tests that run them: who is noticed, and who lives."""

from __future__ import annotations

import random
import re
import shutil
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from selftests.builders.product import ROOT
from selftests.proof.apart import run_apart
from selftests.proof.coverage_map import WORKERS, Ran, command, measured, source_version, working_copy
from selftests.proof.mutation import Mutant, mutants_of
from selftests.proof.places import Journal, digest

PACKAGE: Final = ROOT / "backup_compliance"
ROOMS: Final = ("network", "schedules", "guest/linux", "platform/decisions", "judging")
COUNT: Final = 300
SEED: Final = 20261130
GOAL: Final = 0.95
ACCEPTED_AT_MOST: Final = 0.05
"""Mutants that may be accepted as equivalent, of those that were drawn."""
FIRST: Final = 12.0
"""Seconds of self-tests that a mutant is shown to at first; the rest come in a second process."""
LONGEST: Final = 100.0
"""... and in all: what no test notices in that time lives."""
EQUIVALENT: Final = Path(__file__).with_name("equivalent_mutants.toml")


def all_mutants(rooms: Iterable[str] = ROOMS) -> list[Mutant]:
    """Of every module in these rooms; a single module is named `network/routes`."""
    found: list[Mutant] = []
    for room in rooms:
        single = PACKAGE / f"{room}.py"
        for path in [single] if single.exists() else sorted((PACKAGE / room).glob("*.py")):
            found += mutants_of(str(path.relative_to(PACKAGE).with_suffix("")), path.read_text())
    return found


def drawn(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """The mutants of a seed."""
    return random.Random(seed).sample(list(mutants), min(count, len(mutants)))


@dataclass
class Order:
    """Which self-tests a mutant is shown to: its mirror first, then what is cheap or noticed much."""

    runs: Sequence[Ran]
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By module and file."""

    def files(self, mutant: Mutant) -> tuple[list[Ran], list[Ran]]:
        """Those to begin with, and the rest, within the time that a mutant has."""
        mirror = re.sub(r"([^/]+)$", r"test_\1.py", mutant.module)
        source = source_version(mutant.module)
        fitting = [r for r in self.runs if r.passed and r.runs(mutant.module, mutant.line, source)]
        if not fitting:  # a line that is a part of a statement, as a table's entry
            fitting = [r for r in self.runs if r.passed and r.lines.get(mutant.module)]
        fitting.sort(key=lambda r: (r.file != mirror, -self.kills[mutant.module, r.file], r.seconds))
        first: list[Ran] = []
        rest: list[Ran] = []
        spent = 0.0
        for ran in fitting:
            spent += ran.seconds
            if spent <= FIRST or not first:
                first.append(ran)
            elif spent <= LONGEST:
                rest.append(ran)
        return first, rest

    def noticed(self, mutant: Mutant, test: str) -> None:
        """Remember who noticed it."""
        self.kills[mutant.module, test.split("::")[0].removeprefix("selftests/")] += 1


def _shown(mutant: Mutant, copy: Path, order: Order) -> str:
    """The test that noticed a mutant; empty where it lives."""
    path = copy / "backup_compliance" / f"{mutant.module}.py"
    source = (PACKAGE / f"{mutant.module}.py").read_text()
    try:
        _write(path, mutant.apply(source))
        for part in order.files(mutant):
            if part and (test := _noticing(copy, part)):
                return test
        return ""
    finally:
        _write(path, source)


def _write(path: Path, source: str) -> None:
    """And nothing that was compiled of it: Python looks at size and second only."""
    path.write_text(source)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink(missing_ok=True)


def _noticing(copy: Path, part: Sequence[Ran]) -> str:
    limit = 5 * sum(r.seconds for r in part) + 20
    done = run_apart(command(*(f"selftests/{r.file}" for r in part)), copy, seconds=limit)
    if done.status == 0:
        return ""
    if done.status < 0:
        return f"{part[0].file}::(ended by signal {-done.status})"
    found = re.search(
        r"^(?:FAILED|ERROR) (\S+)|^_{3,} (?:ERROR (?:at \w+ of|collecting) )?(\S+)", done.output, re.MULTILINE
    )
    return (found.group(1) or found.group(2)) if found else f"{part[0].file}::(status {done.status})"


def accepted() -> dict[str, str]:
    """Mutants that change nothing, with the reason, by identity."""
    entries: list[dict[str, Any]] = tomllib.loads(EQUIVALENT.read_text()).get("mutant", [])
    return {f"{e['module']}::{e['function']}::{e['context']}::{e['old']} -> {e['new']}": e["reason"] for e in entries}


@dataclass(frozen=True)
class Result:
    """What became of the mutants that were drawn."""

    killed: Sequence[Mutant]
    survivors: Sequence[Mutant]
    equivalent: Sequence[Mutant]
    unshown: Sequence[Mutant] = ()

    @property
    def score(self) -> float:
        """What was noticed, of all that were drawn but those accepted."""
        counted = len(self.killed) + len(self.survivors)
        return len(self.killed) / counted if counted else 0.0

    @property
    def holds(self) -> bool:
        """Whether the goal is reached, and not by accepting."""
        drawn = len(self.killed) + len(self.survivors) + len(self.equivalent)
        return not self.unshown and self.score >= GOAL and len(self.equivalent) <= ACCEPTED_AT_MOST * drawn

    def lines(self) -> list[str]:
        """For people."""
        found = [f"  lives: {m}" for m in sorted(self.survivors)]
        found += [f"  accepted: {m}" for m in sorted(self.equivalent)]
        drawn = len(self.killed) + len(self.survivors) + len(self.equivalent)
        told = f"mutants: {len(self.killed)} of {drawn} noticed, {len(self.survivors)} live, {len(self.equivalent)} accepted as equivalent: score {self.score:.1%}, goal {GOAL:.0%}"
        return [*found, told]


def prove(
    *, seed: int = SEED, count: int = COUNT, rooms: Sequence[str] = ROOMS, keep: bool = False, again: bool = False
) -> Result:
    """Draw mutants and show them; what is known of this very state of the project is not asked again.

    `keep`: use the map of an older state, for single files while tests are written; `again`: show the survivors again.
    """
    mutants = drawn(all_mutants(rooms), count, seed)
    order = Order(measured(sorted({m.module for m in all_mutants()}), keep=keep))
    journal = Journal(
        "mutants", digest("backup_compliance", "tests_guest", "tests_platform", "selftests") if not keep else "kept"
    )
    waiting = [m for m in mutants if m.identity not in journal.known or (again and not journal.known[m.identity])]
    equivalent = accepted()
    waiting = [m for m in waiting if m.identity not in equivalent]
    free: SimpleQueue[Path] = SimpleQueue()
    for number in range(WORKERS):
        free.put(working_copy(number))

    def show(mutant: Mutant) -> tuple[Mutant, str]:
        copy = free.get()
        try:
            return mutant, _shown(mutant, copy, order)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(WORKERS) as pool:
        for number, (mutant, test) in enumerate(pool.map(show, waiting), 1):
            journal.add(mutant.identity, test)
            if test:
                order.noticed(mutant, test)
            print(
                f"{number}/{len(waiting)} {'noticed by ' + test if test else 'LIVES'}: {mutant}",
                file=sys.stderr,
                flush=True,
            )
    known = journal.known
    return Result(
        [m for m in mutants if m.identity not in equivalent and known.get(m.identity)],
        [m for m in mutants if m.identity not in equivalent and not known.get(m.identity)],
        [m for m in mutants if m.identity in equivalent],
    )


def clean() -> None:
    """Remove the working copies."""
    for number in range(WORKERS):
        shutil.rmtree(ROOT / ".proof" / f"copy-{number}", ignore_errors=True)
