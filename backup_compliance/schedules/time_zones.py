"""UTC offsets of time zones by the ids that Azure uses: Windows ids by CLDR's table, IANA ids beside them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal.windows_tz import tz_win, win_tz

# Looked up, never opened by name: an id from ARM is no path.
_IANA: Final = {
    **{name.casefold(): name for name in tz_win if name},
    **{windows.casefold(): iana for windows, iana in win_tz.items()},
}


@cache
def _offset(iana: str, year: int, month: int) -> int | None:
    try:
        offset = datetime(year, month, 15, 12, tzinfo=ZoneInfo(iana)).utcoffset()
    except ZoneInfoNotFoundError:  # a rule file older than the table
        return None
    return None if offset is None else offset // timedelta(minutes=1)


def utc_offset(zone: str, year: int, month: int) -> int | None:
    """Minutes that local time is ahead of UTC in the middle of a month; None for an id that nobody knows.

    `zone` is a Windows id ("Korea Standard Time") or an IANA id ("Asia/Seoul"), in any case.
    """
    iana = _IANA.get(zone.casefold())
    return None if iana is None else _offset(iana, year, month)


def utc_offsets(zones: Iterable[str], year: int, month: int) -> dict[str, int]:
    """The offsets of those zones that are known, in minutes by the id as given."""
    found = {zone: utc_offset(zone, year, month) for zone in zones}
    return {zone: offset for zone, offset in found.items() if offset is not None}
