"""Subscriptions in a facts folder: `arm/<subscription>/<type>.json`, ARM's own JSON.

What a live reading returns is what is saved here and loaded again, so that judging never knows the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.model.recorded import ReadProblem, RecordedSubscription
from backup_compliance.model.sanitize import printable
from backup_compliance.platform.estate.resource_types import RESOURCE_TYPES

FOLDER: Final = "arm"
DOCUMENT_LIMIT: Final = 512 * 2**20
"""Bytes; a list of 100,000 virtual machines stays below it."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAMES: Final = {name.lower(): name for name in RESOURCE_TYPES}


class SubscriptionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `facts.json` says of one subscription."""

    read_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    problems: list[ReadProblem] = []


def save_subscriptions(subscriptions: Iterable[RecordedSubscription], directory: Path) -> dict[str, SubscriptionEntry]:
    """Write every document below `directory`; the entries for the index. Raises `OSError`."""
    entries = {}
    for each in subscriptions:
        if not _ID.fullmatch(each.id):
            raise OSError(f"{each.id!r} is no subscription id")
        folder = directory / FOLDER / each.id
        folder.mkdir(parents=True)
        for name, document in each.documents.items():
            (folder / f"{name}.json").write_bytes(document)
        entries[each.id] = SubscriptionEntry(each.read_at, list(each.problems))
    return entries


def load_subscriptions(directory: Path, entries: dict[str, SubscriptionEntry]) -> tuple[RecordedSubscription, ...]:
    """What `save_subscriptions` wrote, or folders brought by hand, by id.

    Raises:
        ConfigurationError: a file or folder that is no recording: its facts would silently be missing.
    """
    known: dict[str, tuple[SubscriptionEntry, Path | None]] = {}
    for name, entry in entries.items():
        _check(name, directory)
        _check_problems(name, entry)
        known[name.lower()] = (entry, None)
    for folder in _entries(directory / FOLDER):
        if not folder.is_dir():
            raise ConfigurationError(
                f"--facts: {folder} is no folder: {FOLDER} holds one for each subscription id, facts.json stands beside {FOLDER}"
            )
        key = folder.name.lower()
        _check(folder.name, directory / FOLDER)
        entry, other = known.get(key, (SubscriptionEntry(), None))
        if other is not None:
            raise ConfigurationError(f"--facts: {folder} and {other.name} are one subscription; keep one of them")
        known[key] = (entry, folder)
    return tuple(_load(name, entry, folder) for name, (entry, folder) in sorted(known.items()))


def _check_problems(name: str, entry: SubscriptionEntry) -> None:
    """A problem of a list that nobody knows would silently excuse nothing."""
    for number, problem in enumerate(entry.problems):
        if problem.type not in RESOURCE_TYPES:
            raise ConfigurationError(
                f"--facts: facts.json: subscriptions.{name}.problems[{number}].type: {printable(problem.type, 60)!r} is none of {', '.join(RESOURCE_TYPES)}"
            )


def _check(name: str, where: Path) -> None:
    if not _ID.fullmatch(name):
        raise ConfigurationError(f"--facts: {where}: {printable(name, 80)!r} is no subscription id")


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"--facts: {folder}: {error.strerror}") from error


def _load(name: str, entry: SubscriptionEntry, folder: Path | None) -> RecordedSubscription:
    documents: dict[str, bytes] = {}
    problems = list(entry.problems)
    for path in _entries(folder) if folder is not None else ():
        kind = _NAMES.get(path.stem.lower()) if path.suffix == ".json" else None
        if kind is None:
            known = ", ".join(RESOURCE_TYPES)
            raise ConfigurationError(f"--facts: {path}: no recording of ARM; known are {known} (.json)")
        if kind in documents:
            raise ConfigurationError(f"--facts: {path}: {kind} is there twice, in another spelling")
        try:
            if path.stat().st_size > DOCUMENT_LIMIT:
                problems.append(ReadProblem(kind, f"{path.name} is larger than {DOCUMENT_LIMIT} bytes"))
            else:
                documents[kind] = path.read_bytes()
        except OSError as error:
            problems.append(ReadProblem(kind, f"{path.name} cannot be read: {error.strerror}", f"look at {path}"))
    return RecordedSubscription(name, documents, entry.read_at, tuple(problems))
