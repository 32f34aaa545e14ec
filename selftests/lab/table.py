"""The shape of the lab's table: a guest, a fault, and what the product must say of it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

C: Final = "compliant"
N: Final = "non_compliant"
U: Final = "undetermined"
E: Final = "error"
NA: Final = "not_applicable"
EVERY: Final = "every"
WINDOWS_ONLY: Final = frozenset({"AVB-303", "AVB-401"})
"""Controls that no guest of this lab can have."""
"""Stands for every guest control in an expectation."""
OTHERS: Final = "others"
"""Stands for the controls that a case does not name."""
AS_BEFORE: Final = "as before"
NUMBER: Final = "ORDERS-NUMBER"
MISSING: Final = ("missing", "")
"""What the report says of a control that it does not hold."""


@dataclass(frozen=True)
class Fault:
    """One real failure: how it is brought about, and how it is taken back."""

    name: str
    apply: str = ""
    """A script inside the guest, as root."""
    undo: str = ""
    seen: str = ""
    """A command inside that succeeds once the fault has taken hold; `NUMBER` in it is that of the platform's orders."""
    within: float = 90
    """Seconds in which it must have taken hold."""
    obstacle: str = ""
    """What stands in the guest's way outside of it (`fabric.OBSTACLES`)."""
    orders: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the platform asks differently meanwhile (fields of `wire.Orders`)."""
    unplugged: bool = False
    """The guest's network cable is out."""
    spec: str = "ssh://root@{name}"
    """How the product is told to connect."""
    user: str = ""
    """Who must be able to log in before the product tries: what is broken is what comes after."""
    alone: bool = False
    """Read apart from all others: it takes the whole machine."""
    final: bool = False
    """Cannot be taken back; the guest is not read again."""


@dataclass(frozen=True)
class Expectation:
    """A control's verdict and words that its message must hold; a bar parts alternatives."""

    control: str
    outcome: str
    words: str = ""


@dataclass(frozen=True)
class Case:
    """One guest with one fault. Controls that are not named must stay as they are on the healthy guest."""

    guest: str
    fault: Fault
    expected: tuple[Expectation, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table: what was expected and what was seen."""

    case: Case
    expected: Expectation
    outcome: str
    message: str

    @property
    def holds(self) -> bool:
        """Whether the verdict is as expected and the message holds the words."""
        said = self.message.lower()
        if self.outcome == MISSING[0]:
            return False
        return self.outcome == self.expected.outcome and any(w in said for w in self.expected.words.lower().split("|"))


Seen = Mapping[str, tuple[str, str]]
"""Outcome and message by control, of one guest."""
HEALTHY: Final = Fault("none")
AFTERWARDS: Final = Fault("none, everything mended")


def case(guest: str, fault: Fault, *expected: tuple[str, str] | tuple[str, str, str]) -> Case:
    """A case; expectations as (control's digits, outcome[, words])."""
    return Case(guest, fault, tuple(Expectation(_control(e[0]), *e[1:]) for e in expected))


def _control(digits: str) -> str:
    return digits if digits == EVERY else f"AVB-{digits}"


def unchanged(guest: str, fault: Fault) -> Case:
    """A case in which every control stays as it is: the fault is one of reading only."""
    return Case(guest, fault, ())


def unread(guest: str, fault: Fault, words: str) -> Case:
    """A case in which nothing can be read, and every control says why."""
    return case(guest, fault, (EVERY, E, words))


def rounds(cases: Iterable[Case]) -> list[list[Case]]:
    """The cases in as few runs of the product as may be: each guest with one fault at a time, loners by themselves."""
    planned: list[list[Case]] = []
    last: list[list[Case]] = []
    for each in cases:
        if each.fault.alone:
            last.append([each])
            continue
        place = next((r for r in planned if all(c.guest != each.guest for c in r)), None)
        if each.fault.final or place is None:
            place = next(
                (r for r in reversed(planned) if each.fault.final and all(c.guest != each.guest for c in r)), []
            )
            if place not in planned or not place:
                planned.append(place)
        place.append(each)
    return planned + last


def compare(case: Case, seen: Seen, healthy: Seen) -> list[Row]:
    """The rows of one case: the expected ones, and whether all other controls are as on the healthy guest.

    A control that the report lacks is `missing`, whatever was expected of it.
    """
    rows = []
    everything = sorted(seen.keys() | healthy.keys()) or [EVERY]
    for expected in case.expected:
        for control in everything if expected.control == EVERY else [expected.control]:
            outcome, message = seen.get(control, MISSING)
            rows.append(Row(case, Expectation(control, expected.outcome, expected.words), outcome, message))
    named = {row.expected.control for row in rows}
    others = [control for control in everything if control not in named]
    same = [c for c in others if seen.get(c, MISSING)[0] == healthy.get(c, MISSING)[0] != MISSING[0]]
    for control in others:
        if control not in same:
            expected = Expectation(control, healthy.get(control, MISSING)[0])
            rows.append(Row(case, expected, *seen.get(control, MISSING)))
    if same:
        rows.append(
            Row(case, Expectation(OTHERS, AS_BEFORE), AS_BEFORE, f"{len(same)} controls as on the healthy guest")
        )
    return rows


def shown(rows: Sequence[Row], *, width: int = 90) -> list[str]:
    """The table: a line a row; what holds of a healthy or an unread guest is told together, by outcome."""
    lines = [f"{'':4} {'guest':19} {'fault':40} {'control':8} {'expected':14} {'seen':14} said"]
    for (guest, fault), group in groupby(rows, lambda row: (row.case.guest, row.case.fault)):
        own = list(group)
        together = [r for r in own if r.holds and (fault in (HEALTHY, AFTERWARDS) or _is_unread(r.case))]
        for outcome in sorted({r.outcome for r in together}):
            same = [r for r in together if r.outcome == outcome]
            said = same[0].message if _is_unread(same[0].case) else " ".join(_digits(r) for r in same)
            lines.append(_line("ok", guest, fault.name, str(len(same)), outcome, outcome, said))
        for row in own:
            if row not in together:
                mark = "ok" if row.holds else "NOT"
                said = row.message[:width]
                lines.append(
                    _line(mark, guest, fault.name, row.expected.control, row.expected.outcome, row.outcome, said)
                )
    return lines


def _is_unread(case: Case) -> bool:
    return any(e.control == EVERY for e in case.expected)


def _digits(row: Row) -> str:
    return row.expected.control.removeprefix("AVB-")


def _line(mark: str, guest: str, fault: str, control: str, expected: str, seen: str, said: str) -> str:
    return f"{mark:4} {guest:19} {fault:40} {control:8} {expected:14} {seen:14} {said}".rstrip()
