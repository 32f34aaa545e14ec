"""Exemptions: a control that is knowingly not met, for a reason, by somebody's leave and until a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from backup_compliance.catalogue.configuration import convert, read_toml, wrong
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Outcome


class Exemption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the exemptions file; it holds through `expires_on`, that day included."""

    control: str
    """A control's id, or a glob over ids."""
    resource: str
    """Glob over the host id, the VM's or policy's name and the resource id, case-insensitive."""
    reason: str
    owner: str
    """Who answers for it."""
    expires_on: date
    time_zone: str = "UTC"
    """IANA name of the zone whose midnight ends that day."""
    ticket: str = ""

    @property
    def ends_at(self) -> datetime:
        """The first moment at which it holds no more."""
        if self.expires_on >= date.max - timedelta(days=1):
            return datetime.max.replace(tzinfo=UTC)
        return datetime.combine(self.expires_on + timedelta(days=1), time(), ZoneInfo(self.time_zone))

    def is_live(self, now: datetime) -> bool:
        """Whether it still holds at `now` (any zone)."""
        return now < self.ends_at

    def speaks_of(self, control: str) -> bool:
        """Whether its id or glob is `control`'s."""
        return fnmatchcase(control.casefold(), self.control.casefold())

    def matches(self, control: str, names: Iterable[str]) -> bool:
        """Whether it speaks of `control` on a resource that goes by one of `names`."""
        pattern = self.resource.casefold()
        return self.speaks_of(control) and any(fnmatchcase(n.casefold(), pattern) for n in names if n)


class ExemptionStatus(StrEnum):
    """What became of an exemption in a run."""

    USED = "in use"
    EXPIRED = "expired"
    UNMATCHED = "matches nothing"
    UNNEEDED = "met no failure"
    NOT_JUDGED = "not judged in this run"


STALE_STATUSES: Final = frozenset({ExemptionStatus.EXPIRED, ExemptionStatus.UNMATCHED, ExemptionStatus.UNNEEDED})
"""What `--strict-exemptions` fails on."""
# an exemption that covers an unreadable or undetermined finding may still be needed
_COUNTS_AS_USED: Final = frozenset(
    {Outcome.EXEMPT, Outcome.NON_COMPLIANT, Outcome.ADVISORY, Outcome.ERROR, Outcome.UNDETERMINED}
)


class ExemptionReport(msgspec.Struct, frozen=True, kw_only=True):
    """An exemption as reports show it: every text printable."""

    control: str
    resource: str
    reason: str
    owner: str
    expires_on: date
    time_zone: str
    ticket: str
    standing: ExemptionStatus
    covers: int
    """How many findings it speaks of that do not hold."""

    @property
    def note(self) -> str:
        """What a reader has to know of it; empty where it is in use, or could not be judged."""
        what = f"the exemption of {self.control} for {self.resource}"
        match self.standing:
            case ExemptionStatus.EXPIRED:
                return f"{what} expired on {self.expires_on}"
            case ExemptionStatus.UNMATCHED:
                return f"{what} matches nothing that was judged; check its spelling"
            case ExemptionStatus.UNNEEDED:
                return f"{what} met no failure; remove it"
        return ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exemption: list[Exemption] = []


Seen = tuple[Outcome, str, Collection[str]]
"""A finding's outcome, its control, and the names that its resource goes by."""


class Exemptions:
    """The entries of one file, at one moment."""

    def __init__(self, entries: Iterable[Exemption] = (), now: datetime | None = None) -> None:
        self.entries = tuple(entries)
        self.now = now or datetime.now(UTC)

    def find(self, control: str, names: Collection[str]) -> Exemption | None:
        """The entry that speaks of this control and resource; where several do, the one that lasts longest."""
        matching = [e for e in self.entries if e.matches(control, names)]
        return max(matching, key=lambda e: e.ends_at, default=None)

    def uses(self, seen: Sequence[Seen], catalogue: Collection[str], *, narrowed: bool) -> list[ExemptionReport]:
        """What became of every entry.

        Args:
            seen: every finding of the run.
            catalogue: the ids of all controls; an entry whose controls were not all run is not called needless.
            narrowed: whether resources were left out, so that a missing match proves nothing.
        """
        ran = {control for _, control, _ in seen}
        found = []
        for entry in self.entries:
            met = [outcome for outcome, control, names in seen if entry.matches(control, names)]
            whole = not narrowed and {c for c in catalogue if entry.speaks_of(c)} <= ran
            found.append(_use(entry, self._standing(entry, met, whole=whole), met))
        return found

    def _standing(self, entry: Exemption, met: Sequence[Outcome], *, whole: bool) -> ExemptionStatus:
        if not entry.is_live(self.now):
            return ExemptionStatus.EXPIRED
        if set(met) & _COUNTS_AS_USED:
            return ExemptionStatus.USED
        if not whole:
            return ExemptionStatus.NOT_JUDGED
        return ExemptionStatus.UNNEEDED if met else ExemptionStatus.UNMATCHED


def _use(entry: Exemption, standing: ExemptionStatus, met: Sequence[Outcome]) -> ExemptionReport:
    return ExemptionReport(
        control=printable(entry.control, 80),
        resource=printable(entry.resource, 80),
        reason=printable(entry.reason),
        owner=printable(entry.owner, 80),
        expires_on=entry.expires_on,
        time_zone=printable(entry.time_zone, 80),
        ticket=printable(entry.ticket, 80),
        standing=standing,
        covers=sum(outcome in (Outcome.EXEMPT, Outcome.NON_COMPLIANT, Outcome.ADVISORY) for outcome in met),
    )


def load_exemptions(
    path: Path, known_controls: Collection[str], now: datetime | None = None, longest: int = 0
) -> Exemptions:
    """Every entry of a TOML file with `[[exemption]]` tables.

    Args:
        path: the file.
        known_controls: ids of the catalogue; an entry that speaks of none of them is a mistake.
        now: when it is read; the present by default.
        longest: how many days ahead `expires_on` may lie; 0 for any.

    Raises:
        ConfigurationError: naming file, line and key: a missing reason, owner or day, an unknown control, too long a life.
    """
    text, data = read_toml(path)
    known = f"; an exemption has {', '.join(Exemption.__struct_fields__)}"
    entries = convert(data, _File, path, text, lambda m: known if "field" in m else "").exemption
    found = Exemptions(entries, now)
    for number, entry in enumerate(entries):
        for key, reason in _mistakes(entry, known_controls, found.now, longest):
            raise wrong(path, text, ["exemption", number, key], reason)
    return found


def _mistakes(
    entry: Exemption, known_controls: Collection[str], now: datetime, longest: int
) -> Iterable[tuple[str, str]]:
    """What is wrong with one entry, as key and reason."""
    if not any(entry.speaks_of(control) for control in known_controls):
        yield "control", f"unknown control id {entry.control!r}; `pytest --controls` lists them"
    for key in ("reason", "resource", "owner"):
        if not getattr(entry, key).strip():
            yield key, "must not be empty"
    try:
        zone = ZoneInfo(entry.time_zone)
    except (ValueError, OSError, LookupError):
        yield "time_zone", f"{entry.time_zone!r} is no time zone; give an IANA name such as Europe/Berlin"
        return
    ahead = (entry.expires_on - now.astimezone(zone).date()).days
    if longest and ahead > longest:
        yield "expires_on", f"{entry.expires_on} is {ahead} days ahead; the baseline allows {longest} (exemption_days)"
