"""Exceptions that facts and decisions raise: their fresh copies say the same, and failures are words."""

from __future__ import annotations

import pytest

from backup_compliance.model.verdicts import Failure, Undetermined, Unreadable
from selftests.builders.product import ROOT


@pytest.mark.parametrize("error", [Unreadable("no answer", "ask"), Undetermined("who knows", "look", ("AVB-101",))])
def test_fresh_copy_says_the_same(error: Unreadable | Undetermined) -> None:
    """Words, remedy and references, and no traceback."""
    try:
        raise error
    except (Unreadable, Undetermined) as raised:
        copy = raised.again()
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
    assert copy is not error
    assert copy.__traceback__ is None


def test_failure_is_its_words() -> None:
    """Decisions give words, whether or not they name controls."""
    assert Failure("it is off", ("AVB-101",)) == "it is off"
    assert Failure("it is off").see == ()


def test_remedy_has_one_spelling() -> None:
    """Whoever says "collect again" takes the one constant, or adds to it."""
    files = [p for p in (ROOT / "backup_compliance").rglob("*.py") if '"collect again"' in p.read_text()]
    assert [p.name for p in files] == ["verdicts.py"]
