"""How many members start within each window of the week: sets of minutes as the bits of one integer.

Bit t stands for the window that begins at minute t, 0 is Monday 00:00; the week is a circle. One operation on such an
integer does all 10,080 windows, so that hundreds of members take milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from backup_compliance.schedules.policies import WEEK

_ALL: Final = (1 << WEEK) - 1


def rotated(windows: int, minutes: int) -> int:
    """The same windows, later by so many minutes."""
    by = minutes % WEEK
    return (windows << by | windows >> (WEEK - by)) & _ALL


def windows_with(starts: Iterable[int], minutes: int) -> int:
    """The windows of a length of 1 to 10,080 minutes, first minute in and last out, that hold one of the starts."""
    windows = 0
    for start in starts:
        windows |= 1 << start
    reach = 1
    while reach < minutes:
        step = min(reach, minutes - reach)
        windows |= rotated(windows, -step)
        reach += step
    return windows


@dataclass(slots=True)
class WindowCounts:
    """A bit-sliced counter: bit `t` of `digits[k]` is the k-th binary digit of the number of members in window `t`.

    A week of eight minutes: after `add(0b00000110)` and `add(0b00000100)` window 1 has one member and window 2 has two,
    so `digits` is `[0b00000010, 0b00000100]`, and `above(1)` is `0b00000100`.
    """

    digits: list[int] = field(default_factory=list)

    def add(self, windows: int) -> None:
        """One member more in those windows."""
        carry = windows
        for place, digit in enumerate(self.digits):
            self.digits[place], carry = digit ^ carry, digit & carry
        if carry:
            self.digits.append(carry)

    def above(self, limit: int) -> int:
        """The windows with more than `limit` members."""
        more, equal = 0, _ALL
        for place in reversed(range(max(len(self.digits), limit.bit_length()))):
            digit = self.digits[place] if place < len(self.digits) else 0
            if limit >> place & 1:
                equal &= digit
            else:
                more, equal = more | equal & digit, equal & ~digit
        return more

    def fullest(self, among: int) -> tuple[int, int]:
        """The earliest of the windows with the most members, as its first minute, and how many those are."""
        count = 0
        for digit in reversed(self.digits):
            count = count * 2 + bool(among & digit)
            among = among & digit or among
        return (among & -among).bit_length() - 1, count
