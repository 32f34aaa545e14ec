"""`vssadmin list writers` taken apart: blocks of five lines, whose words are translated and whose numbers are not.

Writer name: 'System Writer'
Writer Id: {e8132975-6f93-4464-a53e-1050253ae220}
Writer Instance Id: {2c3d4e5f-6a7b-4c8d-9e0f-1a2b3c4d5e6f}
State: [1] Stable
Last error: No error
"""

from __future__ import annotations

import re
from typing import Final

from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.windows.agent import DISABLED, parse_service
from backup_compliance.guest.windows.facts import SnapshotWriters, Writer
from backup_compliance.guest.windows.output import powershell
from backup_compliance.guest.windows.registry import damaged
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

# in the languages whose wording is known; others are told by what most writers say
NO_ERROR: Final = frozenset({"no error", "kein fehler", "오류 없음", "エラーなし", "エラー なし", "aucune erreur"})
STABLE: Final = 1
FIRST_FAILED: Final = 6
"""vss.h: from VSS_WS_FAILED_AT_IDENTIFY on a writer has failed; before it, a backup is under way."""
_LABEL: Final = r"\s*\S[^:：]*[:：]\s*"
_ID: Final = r"(\{[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\})\s*"
_LINES: Final = tuple(
    re.compile(_LABEL + value) for value in (r"(\S.*)", _ID, _ID, r"\[([0-9]{1,2})\](?:\s+(\S.*))?", r"(\S.*)")
)
"""Name, id, id of its instance, state with its word, last error."""


def parse_writers(output: ProbeOutput) -> SnapshotWriters:
    """The VSS writers by id with their states by number, and whether the VSS service may start at all.

    Raises:
        Unreadable: no writer though the service may start, or a block among those of writers that is none.
    """
    service = parse_service(output, "VSS")
    text = powershell(output, "vss").text
    blocks = _blocks(text)
    # what it says before the first writer is prose, in the guest's language: no line of it is indented or in braces
    first = next((at for at, block in enumerate(blocks) if any(_is_of_a_writer(line) for line in block)), len(blocks))
    found = [_writer(block) for block in blocks[first:]]
    if not found and (service is None or service.start != DISABLED):
        said = printable(" ".join(text.split()), 160) or "nothing"
        raise Unreadable(
            f"vssadmin list writers showed no writer, it printed {said}", "run it there as an administrator"
        )
    _check_words(found)
    writers = tuple(writer for writer, _ in found)
    return SnapshotWriters(writers, service, _usual_error(writers))


def _blocks(text: str) -> list[list[str]]:
    """The lines between blank ones."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return found if found[-1] else found[:-1]


def _is_of_a_writer(line: str) -> bool:
    return line[0].isspace() or "{" in line


def _writer(block: list[str]) -> tuple[Writer, str]:
    """The writer, and the word for its state; `Unreadable` with the first line that is not what stands in its place."""
    matches = []
    for line, pattern in zip(block, _LINES, strict=False):
        if (match := pattern.fullmatch(line)) is None:
            raise damaged(line, "the list of VSS writers")
        matches.append(match)
    if len(block) != len(_LINES):
        raise damaged(block[-1], f"the list of VSS writers, where five lines are a writer and {len(block)} are found,")
    name, error = (matches[at].group(1).strip().strip(" '\"‘’「」") for at in (0, 4))
    state, word = matches[3].groups()
    return Writer(printable(name, 80), matches[1].group(1), int(state), printable(error, 120)), word or ""


def _check_words(found: list[tuple[Writer, str]]) -> None:
    """`Unreadable` where number and word of a state contradict each other: then neither can be trusted."""
    words: dict[int, str] = {}
    for writer, word in found:
        usual = words.setdefault(writer.state, word)
        has_failed = word.casefold() == "failed"  # known in English only
        if word != usual or (has_failed and writer.state < FIRST_FAILED):
            raise damaged(f"[{writer.state}] {word}", f"the list of VSS writers, at {writer.name},")
    for state, word in words.items():
        if state != STABLE and word and word == words.get(STABLE):
            raise damaged(f"[{state}] {word}", f"the list of VSS writers, where [{STABLE}] has that word too,")


def _usual_error(writers: tuple[Writer, ...]) -> str | None:
    """What this Windows says where there is no error; None where no writer says it in words that are known here."""
    return next((w.last_error for w in writers if w.last_error.casefold().rstrip(".") in NO_ERROR), None)
