"""Programs that self-tests need beside Python: where one is missing, what needs it is skipped and names it."""

from __future__ import annotations

import os
import shutil
from typing import Any, Final

import pytest

COMPLETE: Final = "SELFTESTS_COMPLETE"
"""Set where every program has to be there, as in CI: a missing one is an error then."""
NEEDED: Final[set[str]] = set()
"""Every program that was asked for, missing or not."""


def is_installed(command: str) -> bool:
    """Whether the program of a command (`busybox sh`) is there."""
    return shutil.which(command.split()[0]) is not None


def needs(*programs: str) -> pytest.MarkDecorator:
    """A mark: skipped where one of `programs` is missing; `RuntimeError` where `COMPLETE` is set."""
    NEEDED.update(programs)
    missing = ", ".join(p for p in programs if not is_installed(p))
    if missing and os.environ.get(COMPLETE):
        raise RuntimeError(f"not installed: {missing}, and {COMPLETE} is set")
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")


def each_of(*commands: str) -> list[Any]:
    """One parameter for each command; those whose program is missing are skipped."""
    return [pytest.param(command, id=command, marks=needs(command.split()[0])) for command in commands]
