"""Facts of a subject, each parsed when a control first asks for it and remembered as that control's evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, overload

T = TypeVar("T")


class Observed(Protocol):
    """What facts hang on: a guest or a virtual machine of ARM."""

    @property
    def parsed(self) -> dict[str, Any]:
        """Every fact that was parsed so far, by name."""

    @property
    def seen(self) -> list[str]:
        """The facts that one test asked for, in that order."""


class fact(Generic[T]):  # noqa: N801  # a descriptor used like `property`
    """A fact: parsed once, and remembered as evidence by whoever asked for it.

    One unreadable file or reply therefore spoils the controls that need it and no others.
    """

    def __init__(self, parse: Callable[[Any], T], *, evidence: bool = True) -> None:
        self.parse = parse
        self.evidence = evidence

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, subject: None, owner: type) -> fact[T]: ...
    @overload
    def __get__(self, subject: Observed, owner: type) -> T: ...
    def __get__(self, subject: Observed | None, owner: type) -> fact[T] | T:
        if subject is None:
            return self
        if self.evidence and self.name not in subject.seen:
            subject.seen.append(self.name)
        if self.name not in subject.parsed:
            asked = list(subject.seen)
            try:
                subject.parsed[self.name] = self.parse(subject)
            finally:
                # what a fact rests on is not asked for by the test, and would be shown by the first test only
                subject.seen[:] = asked
        value: T = subject.parsed[self.name]
        return value


def evidence(subject: Observed) -> dict[str, Any]:
    """The facts that were asked for so far, by name; unreadable ones are left out."""
    return {name: subject.parsed[name] for name in subject.seen if name in subject.parsed}
