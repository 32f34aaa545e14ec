"""How a test's end becomes a verdict, and what an exception carries into it."""

from __future__ import annotations

import pytest

from backup_compliance.judging.test_results import result_of_exception
from backup_compliance.model.verdicts import Failure, NonCompliant, NotApplicable, Outcome, Undetermined, Unreadable


@pytest.mark.parametrize(
    ("raised", "outcome", "message", "remedy", "see"),
    [
        (None, Outcome.COMPLIANT, "", "", ()),
        (AssertionError("it is off\nassert False"), Outcome.NON_COMPLIANT, "it is off", "", ()),
        (NonCompliant(Failure("it failed", ("AVB-101",))), Outcome.NON_COMPLIANT, "it failed", "", ("AVB-101",)),
        (Undetermined("who knows", "look", ("AVB-102",)), Outcome.UNDETERMINED, "who knows", "look", ("AVB-102",)),
        (Unreadable("no answer", "ask again"), Outcome.ERROR, "no answer", "ask again", ()),
        (NotApplicable("no proxy"), Outcome.NOT_APPLICABLE, "no proxy", "", ()),
    ],
)
def test_exception_is_a_verdict(
    raised: BaseException | None, outcome: Outcome, message: str, remedy: str, see: tuple[str, ...]
) -> None:
    """Words, remedy and the controls that judge the reason arrive."""
    found = result_of_exception(raised, in_body=True)
    assert (found.outcome, found.message, found.remedy, found.see) == (outcome, message, remedy, see)


@pytest.mark.parametrize("raised", [AssertionError("x"), NonCompliant(Failure("x", ("AVB-101",))), KeyError("x")])
def test_failed_setup_is_no_verdict(raised: Exception) -> None:
    """Only a test's body judges; whatever else goes wrong is an error."""
    assert result_of_exception(raised, in_body=False).outcome is Outcome.ERROR
