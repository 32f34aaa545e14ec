"""Recordings with one thing damaged: each line and field in turn removed, null, empty or garbled.

Pure. A place is written so that a list may speak of it: `units: Restart=always`, `virtualMachines/value/*/properties`.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

GARBAGE: Final = "?garbled"
ALIKE: Final = 3
"""Lines of one text in one part that are damaged; files that were cut for their size have thousands."""
WORDS: Final = 12
"""Words of a line that are looked at one by one."""
_HEADING: Final = re.compile(r"(?:avb-[0-9A-Za-z-]{4,40}) (\S.*)")
_FRAME: Final = re.compile(r"avb-(?:probe|windows) ")


@dataclass(frozen=True, slots=True)
class Damage:
    """What was done, and where."""

    place: str
    edit: str
    """`remove`, `null`, `empty`, `garble`, and for texts what of the line."""

    def __str__(self) -> str:
        return f"{self.edit} {self.place}"


Made = tuple[Damage, Callable[[], bytes]]
"""A damaged copy, written out when it is asked for: of most, only their number counts."""


def damaged_output(data: bytes) -> Iterator[Made]:
    """Every damaged copy of a probe's output, of either system; bytes of code pages stay as they are."""
    lines = data.decode("latin-1").split("\n")
    part = ""
    seen: Counter[str] = Counter()
    for number, line in enumerate(lines):
        heading = None if _FRAME.match(line) else _HEADING.fullmatch(line.rstrip("\r"))
        if heading:
            part = heading.group(1)
            yield from _part_damaged(lines, number, part)
        elif line.strip() and not _FRAME.match(line):
            place = f"{part}: {line.strip()[:200]}"
            seen[place] += 1
            if seen[place] > ALIKE:
                continue
            for edit, new in _line_damaged(line):
                yield Damage(place, edit), _written(lines, number, number + 1, [] if new is None else [new])


def _written(lines: list[str], first: int, end: int, new: list[str]) -> Callable[[], bytes]:
    """The text with other lines in one place."""
    return lambda: "\n".join([*lines[:first], *new, *lines[end:]]).encode("latin-1")


def _part_damaged(lines: list[str], number: int, part: str) -> Iterator[Made]:
    def ends(line: str) -> bool:
        return bool(_HEADING.fullmatch(line.rstrip("\r")) or _FRAME.match(line))

    end = next((n for n in range(number + 1, len(lines)) if ends(lines[n])), len(lines))
    changes = {
        "remove part": [],
        "empty part": [lines[number], ""],
        "garble part": [lines[number], GARBAGE, ""],
        "null part": [lines[number], "null", ""],
        "garble heading": [lines[number].replace(part, GARBAGE), *lines[number + 1 : end]],
    }
    for edit, new in changes.items():
        yield Damage(part, edit), _written(lines, number, end, new)


def _line_damaged(line: str) -> Iterator[tuple[str, str | None]]:
    """None: the line is not there."""
    yield "remove line", None
    yield "empty line", ""
    yield "garble line", GARBAGE
    yield "cut line", line[: len(line) // 2]
    for sign in ("=", ":"):
        key, found, value = line.partition(sign)
        if found and value.strip():
            yield f"empty after {sign}", key + found
            yield f"null after {sign}", f"{key}{found}null"
            yield f"garble after {sign}", key + found + GARBAGE
    words = re.split(r"(\s+)", line)
    for index in range(0, min(len(words), 2 * WORDS), 2):
        if words[index] and len(words) > 1:
            yield f"remove word {index // 2}", "".join([*words[:index], *words[index + 1 :]])
            yield f"garble word {index // 2}", "".join([*words[:index], GARBAGE, *words[index + 1 :]])
    yield from _json_damaged(line)


def _json_damaged(line: str) -> Iterator[tuple[str, str]]:
    """JSON behind a path, as handlers' status files have it."""
    found = re.search(r"[\[{]\s*[\[{\"].*", line)
    if found is None:
        return
    try:
        document = json.loads(found.group())
    except ValueError:
        return
    for damage, made in damaged_json(document, ""):
        yield f"{damage.edit} {damage.place}", line[: found.start()] + made().decode()


def damaged_json(document: Any, name: str) -> Iterator[Made]:
    """Every damaged copy of one JSON document, and the document as a whole."""
    for way in _ways(document):
        place = "/".join([name, *("*" if isinstance(step, int) else step for step in way)])
        for edit in ("remove", "null", "empty", "garble") if way else ("null", "empty", "garble"):
            if edit == "remove" or _exchanged(_at(document, way), edit) is not _SAME:
                yield Damage(place, edit), _encoded(document, way, edit)


def _encoded(document: Any, way: tuple[Any, ...], edit: str) -> Callable[[], bytes]:
    return lambda: json.dumps(_damaged(document, way, edit)).encode()


def _at(document: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        document = document[step]
    return document


_SAME: Final = object()


def _ways(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    steps = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for step, value in steps:
        yield from _ways(value, (*way, step))


def _damaged(document: Any, way: tuple[Any, ...], edit: str) -> Any:
    if not way:
        return _exchanged(document, edit)
    # only what leads to the place is copied: documents are large, and there are thousands of places
    top = copy.copy(document)
    holder = top
    for step in way[:-1]:
        holder[step] = copy.copy(holder[step])
        holder = holder[step]
    if edit == "remove":
        del holder[way[-1]]
        return top
    holder[way[-1]] = _exchanged(holder[way[-1]], edit)
    return top


def _exchanged(value: Any, edit: str) -> Any:
    """What stands there instead; `_SAME` where that would change nothing."""
    if edit == "null":
        new: Any = None
    elif edit == "empty":
        new = {} if isinstance(value, dict) else [] if isinstance(value, list) else "" if isinstance(value, str) else {}
    else:
        new = GARBAGE if not isinstance(value, str) else f"{GARBAGE}{value[:3]}"
    return _SAME if new == value and type(new) is type(value) else new
