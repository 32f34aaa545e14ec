"""Facts of a subject, each parsed when a control first asks for it and kept as that control's evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from backup_compliance.model.verdicts import Unreadable

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class FactHolder:
    """What facts belong to: a guest, a virtual machine, a policy."""

    fact_cache: dict[str, Any] = field(default_factory=dict)
    """Every fact that was parsed so far, or why it could not be, by name; shared by the copies that `for_one_test` makes."""
    accessed: list[str] = field(default_factory=list)
    """The facts that one test asked for, in that order."""
    remarks: list[str] = field(default_factory=list)
    """What one test has to say although its control holds."""

    def for_one_test(self) -> Self:
        """The same subject with empty lists of accessed facts and of remarks, for the evidence of one test."""
        return replace(self, accessed=[], remarks=[])

    def add_remark(self, remark: str) -> None:
        """Say `remark` beside the verdict of a control that holds; an empty one and one that was said are left out."""
        if remark and remark not in self.remarks:
            self.remarks.append(remark)

    def evidence(self) -> dict[str, Any]:
        """The facts that were asked for so far, by name; unreadable ones are left out."""
        known = self.fact_cache
        return {n: known[n] for n in self.accessed if n in known and not isinstance(known[n], Unreadable)}

    def add_evidence(self, name: str, value: object) -> None:
        """Show `value` in the evidence of the running test, as a fact would be shown."""
        self.fact_cache[name] = value
        if name not in self.accessed:
            self.accessed.append(name)


class fact(Generic[T]):  # noqa: N801  # a decorator used like `property`
    """A method of a `FactHolder` as a fact: parsed once, and evidence of each test that asks for it.

    One unreadable file or reply therefore spoils the controls that need it and no others.
    """

    is_evidence: ClassVar[bool] = True

    def __init__(self, parse: Callable[[Any], T]) -> None:
        self.parse = parse
        self.__doc__ = parse.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, subject: None, owner: type) -> Self: ...
    @overload
    def __get__(self, subject: FactHolder, owner: type) -> T: ...
    def __get__(self, subject: FactHolder | None, owner: type) -> Self | T:
        if subject is None:
            return self
        if self.is_evidence and self.name not in subject.accessed:
            subject.accessed.append(self.name)
        if self.name not in subject.fact_cache:
            before = list(subject.accessed)
            try:
                subject.fact_cache[self.name] = self.parse(subject)
            except Unreadable as error:
                subject.fact_cache[self.name] = error.again()
                raise
            finally:
                # Facts read while computing another fact are not evidence. They are only read on a cache miss, so they
                # would appear in the first test's evidence and in no other.
                subject.accessed[:] = before
        found = subject.fact_cache[self.name]
        if isinstance(found, Unreadable):
            raise found.again()
        value: T = found
        return value


class inner_fact(fact[T]):  # noqa: N801  # as `fact`
    """A fact that other facts and decisions rest on, too large to be shown as evidence."""

    is_evidence: ClassVar[bool] = False
