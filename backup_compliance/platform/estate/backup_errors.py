"""What an error of a job or of a protected item means, looked up in the table of error codes; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from backup_compliance.platform.estate.backup import BackupError
from backup_compliance.platform.estate.error_codes import ERROR_CODES, ErrorCode, ErrorKind

_PRECEDENCE: Final = (
    ErrorKind.AGENT,
    ErrorKind.OTHER,
    ErrorKind.RESTORE,
    ErrorKind.REJECTED,
    ErrorKind.CANCELLED,
)
"""An error whose title and number contradict each other is believed to be the worse one."""
_BY_KEY: Final[Mapping[str, ErrorCode]] = {
    key: code for code in ERROR_CODES for key in (*(n.lower() for n in code.names), *code.numbers)
}


def find_code(error: BackupError) -> ErrorCode | None:
    """The table's line for an error, by title or by code; None for one that nobody knows.

    Older replies carry the title as their code.
    """
    found = [_BY_KEY[key] for key in (error.title.lower(), error.code.lower()) if key in _BY_KEY]
    return min(found, key=lambda code: _PRECEDENCE.index(code.kind), default=None)


def first_of(errors: Sequence[BackupError], *kinds: ErrorKind) -> tuple[BackupError, ErrorCode] | None:
    """The first error of one of `kinds`, with its meaning; of the kinds that are named first, where there are several."""
    known = [(e, code) for e in errors if (code := find_code(e)) is not None and code.kind in kinds]
    return min(known, key=lambda pair: kinds.index(pair[1].kind), default=None)


def is_no_attempt(errors: Sequence[BackupError]) -> bool:
    """Whether errors say, all of them, that nothing was attempted: a rejected request or a cancelled job."""
    codes = [find_code(e) for e in errors]
    return bool(codes) and all(c is not None and c.kind in (ErrorKind.REJECTED, ErrorKind.CANCELLED) for c in codes)
