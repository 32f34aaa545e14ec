"""The probe's output taken apart: frames, noise around them, caps, packed and wrapped forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from backup_compliance.guest.linux.grammar import GRAMMARS
from backup_compliance.guest.linux.packed import PackedReading, how_to_get, join, packed_reading, unpack
from backup_compliance.guest.probe_output import OUTPUT_LIMIT, PART_LIMIT, RECOLLECT_WITH_THIS_PROBE, Part, ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

PROBE_VERSION: Final = "1"
_START = re.compile(
    r"^avb-probe (\S{1,8}) (?:begin (avb-[0-9A-Za-z-]{4,40})|packed(?: ([1-9][0-9]?))?)[ \t\r]*$",
    re.MULTILINE,
)
_PACKED_END = re.compile(r"^avb-probe \S{1,8} packed end(?: ([1-9][0-9]?))?[ \t\r]*$", re.MULTILINE)
_DOCUMENTS: Final = 40
"""Answers of Run Command in one recording, and what only begins like one, that are looked at."""


class _Output(NamedTuple):
    """One run of the probe: what is between its ends, and what they say of it."""

    word: str
    """The word of its frame; empty for a packed one."""
    number: int | None
    body: str


def parse_output(data: bytes) -> ProbeOutput:
    """What `probe.sh` printed, out of whatever a login shell, Run Command or a ticket put around it.

    Args:
        data: bytes as they came; bare, packed, packed in numbers, or the JSON of `az vm run-command invoke`, once or
            several times. The last output counts; of numbers the last of each.

    Raises:
        Unreadable: no probe output, another version's, one that stops before its end, or numbers that do not fit together.
    """
    text = _unwrapped(_decoded(data[:OUTPUT_LIMIT]))
    outputs = list(_outputs(text))
    if not outputs:
        raise Unreadable(*_what_came_instead(text))
    if outputs[-1].number is None:
        return ProbeOutput(_reading(outputs[-1]).parts, GRAMMARS)
    numbers = {output.number or 1: output for output in outputs}
    readings = {number: _reading(output) for number, output in numbers.items()}
    try:
        return ProbeOutput(join(readings), GRAMMARS)
    except Unreadable:
        # a number that is missing may have lost its beginning
        cut = next((int(n) for n in _PACKED_END.findall(text) if n and int(n) not in numbers), None)
        if cut is None:
            raise
        raise Unreadable(f"the beginning of packed {cut} is missing", how_to_get(cut)) from None


def _outputs(text: str) -> Iterator[_Output]:
    """Every output in `text`, each up to its own end: what looks like a frame inside of one is a file's or a server's."""
    position = 0
    while start := _START.search(text, position):
        version, word, number = start.group(1), start.group(2) or "", start.group(3)
        if version != PROBE_VERSION:
            raise Unreadable(
                f"written by probe version {printable(version)}, this suite reads version {PROBE_VERSION}",
                RECOLLECT_WITH_THIS_PROBE,
            )
        end = f"\navb-probe {version} end {word}" if word else f"\navb-probe {version} packed end"
        stop = text.find(end, start.end())
        if stop < 0:
            what = f"packed {number}" if number else "the probe's output"
            raise Unreadable(
                f"{what} stops before its end{_last_heading(text[start.end() :], word)}",
                "collect again: the connection was cut or the file was truncated",
            )
        yield _Output(word, int(number) if number else None, text[start.end() : stop])
        position = stop + len(end)


def _last_heading(text: str, word: str) -> str:
    """Which part is the last that a cut output holds."""
    last = text.rpartition(f"\n{word} ")[2].partition("\n")[0] if word and f"\n{word} " in text else ""
    return f", within the part {printable(last, 60)!r}" if last else ""


def _reading(output: _Output) -> PackedReading:
    if output.word:
        return PackedReading(tuple(_parts(output.body.replace("\r\n", "\n"), output.word)))
    text = unpack(output.body)
    inner = list(_outputs(text))
    if not inner:
        raise Unreadable(*_what_came_instead(text))
    if not inner[-1].word:
        raise Unreadable("the packed output is packed twice", "collect again; nothing of it may be edited")
    return packed_reading(tuple(_parts(inner[-1].body.replace("\r\n", "\n"), inner[-1].word)))


def _parts(body: str, word: str) -> list[Part]:
    parts: list[Part] = []
    for piece in f"\n{body}".split(f"\n{word} ", PART_LIMIT)[1:]:
        heading, _, text = piece.partition("\n")
        parts.append(Part(tuple(heading.split()) or ("",), text.rstrip("\n")))
    return parts


def _decoded(data: bytes) -> str:
    # Windows PowerShell's `>` writes UTF-16, whatever the program printed.
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "backslashreplace").lstrip("\ufeff")


def _unwrapped(text: str) -> str:
    """The messages inside the JSON that `az vm run-command invoke` prints, each in its place; else the text itself."""
    found: list[str] = []
    position = 0
    decoder = json.JSONDecoder()
    for start in re.finditer(r"^[ \t]*\{", text, re.MULTILINE):
        if start.start() < position or len(found) >= 2 * _DOCUMENTS:
            continue
        try:
            document, end = decoder.raw_decode(text, start.end() - 1)
            messages = [entry["message"] for entry in document["value"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            found.append("")
            continue
        found += [text[position : start.start()], *(f"{m}\n" for m in messages if isinstance(m, str))]
        position = end
    return "".join([*found, text[position:]])


def _what_came_instead(text: str) -> tuple[str, str]:
    """What is wrong with a text that holds no output, and what to do about it."""
    end = _PACKED_END.search(text)
    if end and end.group(1):
        number = int(end.group(1))
        return f"the beginning of packed {number} is missing", how_to_get(number)
    if "avb-probe" in text:
        return (
            "the beginning of the probe's output is missing (Run Command keeps the last 4,096 bytes only)",
            "run this version's probe.sh there: sh probe.sh packed, then packed 2 as it says, and keep both in one file",
        )
    remedy = "run probe.sh as root and keep all of its output"
    shown = printable(text, 120)
    return (f"this is no probe output, it begins {shown!r}" if shown else "there is no output at all"), remedy
