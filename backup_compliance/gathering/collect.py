"""Everything that a run judges: facts that several runners recorded, and what is read now, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from backup_compliance.gathering.folder import INDEX, Facts, load_facts, merge, save_facts
from backup_compliance.gathering.live import Request, read_facts
from backup_compliance.model.recorded import Problem, RecordedGuest

MISSING: Final = Problem(
    "listed in --expect-hosts, but no facts were collected for it",
    "check that its segment was collected and that every facts folder was given with --facts",
)


def gather(folders: Sequence[Path], request: Request, say: Callable[[str], None]) -> Facts:
    """Recorded facts of every folder, then live ones; saved where that was asked for.

    Raises:
        ConfigurationError: as `load_facts`, `read_facts` and `save_facts` do.
    """
    recorded = [load_facts(each) for folder in folders for each in facts_folders(folder)]
    facts = merge([*recorded, read_facts(request, say)])
    if request.keep_in is not None:
        save_facts(facts, request.keep_in)
    return with_missing(facts, request.expected)


def with_missing(facts: Facts, expected: Sequence[str]) -> Facts:
    """`facts`, and an unread guest for each host that was `expected` and is not there: a runner's folder may be lost."""
    there = {guest.name.casefold() for guest in facts.guests}
    missing = [name for name in expected if name.casefold() not in there]
    unread = (RecordedGuest(name, problem=MISSING) for name in missing)
    return replace(facts, guests=(*facts.guests, *unread))


def facts_folders(folder: Path) -> list[Path]:
    """`folder` itself, or the facts folders in it where it is none: what several runners left side by side."""
    if _holds_facts(folder) or not folder.is_dir():
        return [folder]
    found = [child for child in sorted(folder.iterdir()) if child.is_dir() and _holds_facts(child)]
    return found or [folder]


def _holds_facts(folder: Path) -> bool:
    return any((folder / name).exists() for name in (INDEX, "guests", "arm"))
