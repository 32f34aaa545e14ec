"""How old a fact is that has to prove something of today; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

OLD: Final = timedelta(days=2)
"""A backup is due every day or every week, metrics and states are of minutes ago: what is older says so."""


def told(time: datetime | None) -> str:
    """A time as messages tell it."""
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "at an unknown time"


def aged(time: datetime | None, read_at: datetime | None) -> str:
    """`, 12 days before the reading` for a time that is old by then; "" for a recent one, and where one is not known."""
    if time is None or read_at is None or read_at - time < OLD:
        return ""
    return f", {(read_at - time).days} days before the reading"
