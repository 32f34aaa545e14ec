"""The net against false passes: damage never makes a failure pass, but where the documentation says that absence is an answer.

Every recording on which some control says that something is wrong is damaged in each of its lines and fields, and the
controls that said so are asked again. One that then holds, or does not apply, is a hole, unless `legal_absences.toml`
says why that is the documented answer, with the page.
"""

from __future__ import annotations

import json
import random
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from backup_compliance.model.verdicts import Outcome
from selftests.proof.bases import GuestBase, PlatformBase, guest_bases, platform_bases, read_for
from selftests.proof.damage import Made, damaged_json, damaged_output
from selftests.proof.direct import ends_of_guest, ends_on_platform, opened
from selftests.proof.places import Journal, digest

T = TypeVar("T")
GOOD: Final = (Outcome.COMPLIANT, Outcome.NOT_APPLICABLE)
WORKERS: Final = 2
LEGAL: Final = Path(__file__).with_name("legal_absences.toml")
OPEN: Final = Path(__file__).with_name("open_holes.toml")


class Absence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One documented answer: what a control may come to when something is not there."""

    id: str
    controls: list[str]
    place: str
    """A regular expression for the whole place."""
    edits: list[str]
    """Regular expressions for the whole edit."""
    reason: str
    page: str = ""
    """Where that is documented; a fault that is known and not mended has none."""
    bases: str = ".*"
    """A regular expression for the base, where the answer hangs on what else was read."""
    was: list[str] = []
    """Outcomes that may be left; empty for any."""

    def covers(self, hole: Hole) -> bool:
        """Whether this is the documented answer for what was found."""
        return (
            hole.control in self.controls
            and (not self.was or hole.was in self.was)
            and re.fullmatch(self.place, hole.place, re.DOTALL) is not None
            and re.fullmatch(self.bases, hole.base) is not None
            and any(re.fullmatch(e, hole.edit) for e in self.edits)
        )


class Hole(msgspec.Struct, frozen=True):
    """A failure that damage made pass."""

    base: str
    control: str
    was: str
    became: str
    edit: str
    place: str
    message: str = ""

    def __str__(self) -> str:
        return f"{self.control} {self.was} -> {self.became}: {self.edit} | {self.place} | {self.base} | {self.message}"


@cache
def legal_absences() -> tuple[Absence, ...]:
    """The written list."""
    return _entries(LEGAL)


@cache
def open_holes() -> tuple[Absence, ...]:
    """Faults that are known and not mended yet: they fail `make proof`, not `make test`."""
    return _entries(OPEN)


def _entries(path: Path) -> tuple[Absence, ...]:
    return tuple(msgspec.convert(e, Absence) for e in tomllib.loads(path.read_text()).get("absence", []))


def holes_of_guest(base: GuestBase, damages: Iterable[Made] | None = None) -> tuple[int, list[Hole]]:
    """How many damaged copies were judged, and what passed there."""
    before = {c: e for c, e in ends_of_guest(base.output).items() if e.outcome not in GOOD}
    bad = frozenset(before)
    found = []
    count = 0
    for damage, made in damages if damages is not None else damaged_output(base.output) if bad else ():
        count += 1
        for control, end in ends_of_guest(made(), bad).items():
            if end.outcome in GOOD:
                was = before[control]
                found.append(
                    Hole(base.name, control, was.outcome, end.outcome, damage.edit, damage.place, was.message[:160])
                )
    return count, found


def holes_on_platform(base: PlatformBase, damages: Iterable[tuple[str, Made]] | None = None) -> tuple[int, list[Hole]]:
    """The same of a subscription: in each document only those are asked who read it."""
    bad = base.bad()
    before = ends_on_platform(opened(base.facts()), bad)
    read = {case: read_for(base, case) for case in bad}
    found = []
    count = 0
    for kind, (damage, made) in damages if damages is not None else damaged_documents(base, read.values()):
        count += 1
        asked = frozenset(case for case in bad if kind in read[case])
        for case, end in ends_on_platform(opened(base.facts(kind, made())), asked).items():
            if end.outcome in GOOD:
                was = before[case]
                found.append(
                    Hole(
                        base.name, case.control, was.outcome, end.outcome, damage.edit, damage.place, was.message[:160]
                    )
                )
    return count, found


def damaged_documents(base: PlatformBase, read: Iterable[frozenset[str]]) -> Iterator[tuple[str, Made]]:
    """Every damaged copy of what somebody read; what is no JSON is damaged enough."""
    for kind in sorted(set().union(*read)):
        try:
            document = json.loads(base.subscription.documents[kind])
        except (ValueError, KeyError):
            continue
        for made in damaged_json(document, kind):
            yield kind, made


@dataclass
class Caught:
    """What a walk came to."""

    judged: int = 0
    bases: int = 0
    holes: list[Hole] = field(default_factory=list)
    known: list[Hole] = field(default_factory=list)
    """Holes that stand in the list of those that are not mended."""
    used: set[str] = field(default_factory=set)
    """Entries of the written list that were needed."""
    whole: bool = True
    """Whether every base was walked."""

    def take(self, count: int, holes: Iterable[Hole]) -> None:
        """Sort what one base came to."""
        self.judged += count
        self.bases += 1
        for hole in holes:
            entry = next((a for a in (*legal_absences(), *open_holes()) if a.covers(hole)), None)
            if entry is not None:
                self.used.add(entry.id)
            if entry is None or not entry.page:
                (self.holes if entry is None else self.known).append(hole)

    @property
    def unused(self) -> list[str]:
        """Entries that excuse nothing: the lists are to say what is so."""
        every = (*legal_absences(), *open_holes())
        return [a.id for a in every if a.id not in self.used] if self.whole else []

    @property
    def holds(self) -> bool:
        """Whether nothing passes that should not, and the lists say what is so."""
        return not (self.holes or self.known or self.unused)

    def lines(self) -> list[str]:
        """For people."""
        told = f"net: {self.judged:,} damaged copies of {self.bases} recordings, {len(self.holes)} holes, {len(self.known)} known ones, {len(self.used)} entries used"
        known = Counter(f"{h.control} {h.was} -> {h.became} | {h.place}" for h in self.known)
        found = [f"  known hole: {what} ({count} times)" for what, count in sorted(known.items())]
        return [
            *found,
            *(f"  HOLE: {h}" for h in self.holes),
            *(f"  excuses nothing, take it out: {u}" for u in self.unused),
            told,
        ]


def every_base() -> list[GuestBase | PlatformBase]:
    """All that there is to damage."""
    return [*guest_bases(), *platform_bases()]


def _walk(base: GuestBase | PlatformBase) -> tuple[str, int, list[Hole]]:
    count, holes = holes_of_guest(base) if isinstance(base, GuestBase) else holes_on_platform(base)
    return base.name, count, holes


def prove() -> Caught:
    """Walk every base, two at a time; those that were walked in this very state of the project are not walked again."""
    journal = Journal("net", digest("backup_compliance", "tests_guest", "tests_platform", "selftests"))
    bases = every_base()
    with ProcessPoolExecutor(WORKERS) as pool:
        waiting = [b for b in bases if b.name not in journal.known]
        for number, (name, count, holes) in enumerate(pool.map(_walk, waiting), 1):
            journal.add(name, [count, [msgspec.to_builtins(h) for h in holes]])
            print(
                f"net {number}/{len(waiting)}: {name}: {count} copies, {len(holes)} passed", file=sys.stderr, flush=True
            )
    caught = Caught()
    for base in bases:
        count, holes = journal.known[base.name]
        caught.take(count, msgspec.convert(holes, list[Hole]))
    return caught


def sample(seed: int, *, copies: int, bases: Sequence[GuestBase | PlatformBase] | None = None) -> Caught:
    """A few damaged copies of every base, chosen by the seed."""
    chosen = random.Random(seed)
    caught = Caught(whole=False)
    for base in every_base() if bases is None else bases:
        if isinstance(base, GuestBase):
            caught.take(*holes_of_guest(base, _some(list(damaged_output(base.output)), copies, chosen)))
        else:
            read = [read_for(base, case) for case in base.bad()]
            caught.take(*holes_on_platform(base, _some(list(damaged_documents(base, read)), copies, chosen)))
    return caught


def _some(items: list[T], count: int, chosen: random.Random) -> list[T]:
    return chosen.sample(items, min(count, len(items)))
