"""The probe's output taken apart: frames, noise around them, caps, packed and wrapped forms."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass
from typing import Final

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

PROBE_VERSION: Final = "1"
OUTPUT_LIMIT: Final = 1 << 20
"""Bytes of one guest's output that are looked at; the probe's own caps add up to a quarter of it."""

CAPS: Final = {"config": 65536, "extension": 49152, "routes": 16384}
"""Bytes after which the probe cuts a part; it sends one byte more to show that it did."""

_START = re.compile(
    r"^avb-probe (\S{1,8}) (?:begin (avb-[0-9A-Za-z-]{4,40})|packed)[ \t\r]*$",
    re.MULTILINE,
)


PART_LIMIT: Final = 100
"""Parts of one output that are told apart; the probe prints about thirty."""


@dataclass(frozen=True, slots=True)
class Part:
    """One framed part: the words of its heading and its text."""

    words: tuple[str, ...]
    text: str

    def lines(self) -> list[str]:
        """The lines as the guest's tools part them: form feeds and the like belong to a line's text."""
        return self.text.split("\n")

    def pairs(self) -> dict[str, str]:
        """`key=value` lines; the first of a key counts."""
        found: dict[str, str] = {}
        for line in self.lines():
            key, equals, value = line.partition("=")
            if equals:
                found.setdefault(key.strip(), value.strip())
        return found


@dataclass(frozen=True, slots=True)
class ProbeOutput:
    """Every part of one guest's probe output, in order."""

    parts: tuple[Part, ...]

    def all(self, *words: str) -> list[Part]:
        """The parts whose heading starts with `words`."""
        return [p for p in self.parts if p.words[: len(words)] == words]

    def one(self, *words: str) -> Part:
        """The first such part; `Unreadable` where it is missing or was cut at its cap."""
        found = self.all(*words)
        if not found:
            raise Unreadable(
                f"the probe's output has no part {' '.join(words)!r}", "collect again with this version's probe.sh"
            )
        cap = CAPS.get(words[0])
        # The last newline is off, and it may have been the byte that shows the cut.
        if cap is not None and len(found[0].text.encode("utf-8", "replace")) >= cap:
            raise Unreadable(
                f"the files behind {words[0]!r} are larger than {cap // 1024} KiB and were cut",
                "clean up the oversized file on the guest",
            )
        return found[0]


def parse_output(data: bytes) -> ProbeOutput:
    """What `probe.sh` printed, out of whatever a login shell, Run Command or a ticket put around it.

    Args:
        data: bytes as they came; bare, packed, or the JSON of `az vm run-command invoke`.

    Raises:
        Unreadable: no probe output, another version's, or one that stops before its end.
    """
    word, body = _framed(_unwrapped(_decoded(data[:OUTPUT_LIMIT])))
    if not word:
        word, body = _framed(_unpacked(body))
    if not word:
        raise Unreadable("the packed output is packed twice", "collect again; nothing of it may be edited")
    return ProbeOutput(tuple(_parts(body.replace("\r\n", "\n"), word)))


def _framed(text: str) -> tuple[str, str]:
    """The last output in `text`: its word, empty for a packed one, and what is between its ends.

    Outputs are taken in order, each up to its own end: what looks like a frame inside of one is the
    content of a file or the answer of a server there.
    """
    found = None
    position = 0
    while start := _START.search(text, position):
        version, word = start.group(1), start.group(2) or ""
        if version != PROBE_VERSION:
            raise Unreadable(
                f"written by probe version {printable(version)}, this suite reads version {PROBE_VERSION}",
                "collect again with this version's probe.sh",
            )
        end = f"\navb-probe {version} end {word}" if word else f"\navb-probe {version} packed end"
        stop = text.find(end, start.end())
        if stop < 0:
            raise Unreadable(
                "the probe's output stops before its end",
                "collect again: the connection was cut or the file was truncated",
            )
        found = word, text[start.end() : stop]
        position = stop + len(end)
    if found is None:
        raise Unreadable(_what_came_instead(text), "run probe.sh as root and keep all of its output")
    return found


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
    """The message inside the JSON that `az vm run-command invoke` prints, else the text itself."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        messages = [entry["message"] for entry in json.loads(text)["value"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return text
    return "\n".join(m for m in messages if isinstance(m, str)) + "\n"


def _unpacked(encoded: str) -> str:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        raw = decompressor.decompress(base64.b64decode("".join(encoded.split()), validate=True), OUTPUT_LIMIT)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise Unreadable("the packed output is damaged", "collect again; nothing of it may be edited") from error
    return raw.decode("utf-8", "backslashreplace")


def _what_came_instead(text: str) -> str:
    if "avb-probe" in text:
        return (
            "the beginning of the probe's output is missing (Run Command keeps the last 4,096 bytes only: use `packed`)"
        )
    shown = printable(text, 120)
    return f"this is no probe output, it begins {shown!r}" if shown else "there is no output at all"
