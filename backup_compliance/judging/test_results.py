"""How a test ended, before severities and exemptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import NonCompliant, NotApplicable, NotAsked, Outcome, Undetermined, Unreadable

MESSAGE_LIMIT: Final = 600


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a test ended, before severities and exemptions."""

    outcome: Outcome
    message: str
    remedy: str = ""
    """What to do about facts that could not be read."""
    see: tuple[str, ...] = ()
    """Ids of the controls that judge the reason."""
    may_gate: bool = True
    """Not where the probe of an older recording did not ask."""


def result_of_exception(raised: BaseException | None, *, in_body: bool) -> TestResult:
    """The outcome of an exception; an AssertionError counts as a verdict only when the body raised it."""
    if raised is None:
        return TestResult(Outcome.COMPLIANT, "")
    if isinstance(raised, AssertionError) and in_body:
        # pytest appends the rewritten expression below the message
        words = printable(str(raised).split("\nassert ")[0], MESSAGE_LIMIT)
        see = raised.see if isinstance(raised, NonCompliant) else ()
        return TestResult(Outcome.NON_COMPLIANT, words or "the assertion failed", see=see)
    message = printable(str(raised), MESSAGE_LIMIT)
    match raised:
        case Undetermined():
            asked = not isinstance(raised, NotAsked)
            remedy = printable(raised.remedy, MESSAGE_LIMIT)
            return TestResult(Outcome.UNDETERMINED, message, remedy, raised.see, may_gate=asked)
        case NotApplicable():
            return TestResult(Outcome.NOT_APPLICABLE, message)
        case Unreadable():
            return TestResult(
                Outcome.ERROR, printable(raised.reason, MESSAGE_LIMIT), printable(raised.remedy, MESSAGE_LIMIT)
            )
    broken = printable(f"{type(raised).__name__}: {raised}", MESSAGE_LIMIT)
    return TestResult(
        Outcome.ERROR, broken, "this is a defect of the test or of the suite; report it with the guest's recording"
    )
