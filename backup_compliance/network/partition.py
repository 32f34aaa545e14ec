"""Decides a set of addresses piece by piece: candidates in order of precedence, some of which may or may not apply.

The same walk serves security rules by priority and routes by prefix length. Each piece ends with every effect it
could have; where all possibilities agree the piece is decided, however many candidates were doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from backup_compliance.network.addresses import NOWHERE, AddressSet

NAMED: Final = 3
"""How many doubtful candidates a piece names."""


@dataclass(frozen=True, slots=True)
class Decider:
    """The rule or route that decided, in words; `doubt` says why it may not apply."""

    text: str
    doubt: str = ""

    def __str__(self) -> str:
        return f"{self.text}, which cannot be decided: {self.doubt}" if self.doubt else self.text


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule or route: what it applies to for certain, what it may apply to, and the effects it may have."""

    certain: AddressSet
    possible: AddressSet
    effects: frozenset[str]
    text: str
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Addresses of one fate: every effect they could have, and who decided."""

    addresses: AddressSet
    effects: frozenset[str]
    deciders: tuple[Decider, ...]


_Fate = tuple[frozenset[str], tuple[Decider, ...]]


def partition(
    targets: AddressSet, candidates: Iterable[Candidate], otherwise: frozenset[str], reason: str
) -> tuple[Piece, ...]:
    """The pieces of `targets`; what no candidate decides may have the effects `otherwise`, because of `reason`."""
    pending: dict[_Fate, AddressSet] = {(frozenset(), ()): targets} if targets else {}
    decided: dict[_Fate, AddressSet] = {}
    for candidate in candidates:
        if not pending:
            break
        pending = _apply(candidate, pending, decided)
    for (effects, deciders), addresses in pending.items():
        _add(decided, (effects | otherwise, (*deciders, Decider(reason))), addresses)
    return tuple(Piece(addresses, effects, deciders) for (effects, deciders), addresses in decided.items())


def _apply(
    candidate: Candidate, pending: dict[_Fate, AddressSet], decided: dict[_Fate, AddressSet]
) -> dict[_Fate, AddressSet]:
    left: dict[_Fate, AddressSet] = {}
    doubtful = Decider(candidate.text, candidate.doubt or "it may apply or not")
    for (effects, deciders), addresses in pending.items():
        sure = addresses & candidate.certain
        rest = addresses - sure if sure else addresses
        maybe = rest & candidate.possible
        both = effects | candidate.effects
        if sure:
            decider = Decider(candidate.text, candidate.doubt if len(candidate.effects) > 1 else "")
            _add(decided, (both, (*deciders, decider)), sure)
        if maybe:
            _add(left, (both, deciders if len(deciders) >= NAMED else (*deciders, doubtful)), maybe)
            rest -= maybe
        if rest:
            _add(left, (effects, deciders), rest)
    return left


def _add(pieces: dict[_Fate, AddressSet], fate: _Fate, addresses: AddressSet) -> None:
    pieces[fate] = pieces.get(fate, NOWHERE) | addresses
