"""What a control can come to, and the exceptions by which facts say that they are not enough."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

RECOLLECT: Final = "collect again"
"""What to do about a recording that is damaged, or lacks a part that every reading has."""
RECOLLECT_OR_LOOK: Final = f"{RECOLLECT}; if it stays so, look at the resource in the portal"
"""The same for a reply of ARM, which may have come so from ARM itself."""


class Outcome(StrEnum):
    """The verdict on one control for one resource, as `compliance.json` spells it."""

    COMPLIANT = "compliant"
    NON_COMPLIANT = "non_compliant"
    UNDETERMINED = "undetermined"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"
    EXEMPT = "exempt"
    ADVISORY = "advisory"


class Unreadable(Exception):
    """A fact could not be read; says what was missing and how to grant it. Always gates."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason} ({remedy})" if remedy else reason)

    def again(self) -> Self:
        """A fresh copy to raise or keep: the traceback of one that was raised keeps every frame alive that it went through."""
        return type(self)(self.reason, self.remedy)


class Undetermined(Exception):
    """Everything was read, and it is still not enough to decide. Carries its control's severity."""

    def __init__(self, reason: str, remedy: str = "", see: tuple[str, ...] = ()) -> None:
        self.remedy = remedy
        """What would decide it; empty where the control's own remediation fits."""
        self.see = see
        """Ids of the controls that judge the reason: where one of them fails, it explains this."""
        super().__init__(reason)

    def again(self) -> Self:
        """A fresh copy, as of `Unreadable`."""
        return type(self)(str(self), self.remedy, self.see)


class NotAsked(Undetermined):
    """The probe of an older recording did not ask for this: no gate is closed by it. Its control is collected again."""


class Failure(str):
    """What is not met, in words, with the ids of the controls that judge the reason."""

    see: tuple[str, ...]

    def __new__(cls, words: str, see: tuple[str, ...] = ()) -> Self:
        """`words`, with `see` beside them."""
        made = super().__new__(cls, words)
        made.see = see
        return made


class NonCompliant(AssertionError):
    """The control is not met. For a `Failure` that names controls: of a message, `assert` keeps the words only."""

    def __init__(self, failure: Failure) -> None:
        self.see = failure.see
        super().__init__(failure)


class NotApplicable(Exception):
    """The control has no subject here, and the facts prove that."""
