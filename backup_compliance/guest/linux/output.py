"""The probe's output taken apart: frames, noise around them, caps, packed and wrapped forms."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from typing import Final

from backup_compliance.guest.linux.grammar import GRAMMARS
from backup_compliance.guest.probe_output import OUTPUT_LIMIT, PART_LIMIT, Part, ProbeOutput
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

PROBE_VERSION: Final = "1"
_START = re.compile(
    r"^avb-probe (\S{1,8}) (?:begin (avb-[0-9A-Za-z-]{4,40})|packed)[ \t\r]*$",
    re.MULTILINE,
)


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
    return ProbeOutput(tuple(_parts(body.replace("\r\n", "\n"), word)), GRAMMARS)


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
