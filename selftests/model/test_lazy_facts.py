"""Facts: parsed once, readable or not; evidence of the test that asked for them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from backup_compliance.model.lazy_facts import FactHolder, fact, inner_fact
from backup_compliance.model.verdicts import Unreadable


@dataclass(frozen=True, kw_only=True)
class Holder(FactHolder):
    """Counts how often each of its facts is parsed."""

    parsed: list[str] = field(default_factory=list)

    @fact
    def size(self) -> int:
        """One that can be read."""
        self.parsed.append("size")
        return 3

    @fact
    def damaged(self) -> int:
        """One that cannot."""
        self.parsed.append("damaged")
        raise Unreadable("it is damaged", "mend it")

    @inner_fact
    def large(self) -> int:
        """One that is shown nowhere."""
        return self.size * 1000


def test_fact_is_parsed_once_for_all_tests() -> None:
    """Each test asks a copy, and all of them share what was parsed."""
    holder = Holder()
    assert [holder.for_one_test().size for _ in range(3)] == [3, 3, 3]
    assert holder.parsed == ["size"]


def test_unreadable_fact_is_parsed_once_and_raised_for_each_test() -> None:
    """Afresh: an exception that is raised again drags the frames of every test behind it."""
    holder, raised = Holder(), []
    for _ in range(3):
        with pytest.raises(Unreadable, match="it is damaged") as caught:
            _ = holder.for_one_test().damaged
        raised.append(caught.value)
    assert holder.parsed == ["damaged"]
    assert len({id(each) for each in raised}) == 3
    assert {each.remedy for each in raised} == {"mend it"}
    assert _frames(raised[2]) == ["test_unreadable_fact_is_parsed_once_and_raised_for_each_test", "__get__"]


def _frames(error: BaseException) -> list[str]:
    found, each = [], error.__traceback__
    while each is not None:
        found.append(each.tb_frame.f_code.co_name)
        each = each.tb_next
    return found


def test_evidence_is_what_one_test_asked_for() -> None:
    """Neither what could not be read, nor what another fact rests on, nor what another test asked for."""
    holder = Holder()
    _ = holder.for_one_test().size
    mine = holder.for_one_test()
    assert mine.large == 3000
    assert mine.evidence() == {}
    with pytest.raises(Unreadable):
        _ = mine.damaged
    assert mine.evidence() == {}
    assert mine.size == 3
    assert mine.evidence() == {"size": 3}
