"""Makes text that came from a guest sanitize_json to print, to keep and to publish.

Guests are hostile input: escape sequences, bidirectional marks that make a line read backwards,
megabytes in one line. Escaping for a format (HTML, XML, Markdown) is that format's own business.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Final

from backup_compliance.model.masking import mask_secrets

LINE_LIMIT: Final = 400
NAME_LIMIT: Final = 80
MEMBERS: Final = 60
ELEMENTS: Final = 40
"""What is kept of an object and of a list."""

# CSI and OSC sequences first, as one piece: dropping only the escape leaves their letters behind.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# agents look for these anywhere in a line: a guest could set a pipeline's variables by them
_LOG_COMMAND = re.compile(r"##(?=(?:vso)?\[)", re.IGNORECASE)


def printable(text: str, limit: int = LINE_LIMIT) -> str:
    """One line without control characters or bidirectional marks, at most `limit` characters."""
    if (
        len(text) <= limit
        and text.isascii()
        and text.isprintable()
        and text == " ".join(text.split())
        and "##" not in text
    ):
        return mask_secrets(text)  # the ordinary case, ten times as fast
    # Masked before it is cut, or the cut could take the `@` that tells a password; again afterwards,
    # for escape sequences may part the words that tell one.
    text = _ESCAPES.sub("", mask_secrets(text[: limit * 64])[: limit * 8])
    kept = "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    line = _LOG_COMMAND.sub("# #", mask_secrets(" ".join(kept.split())))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def sanitize_json(value: object, limit: int = LINE_LIMIT, simple: Callable[[object], object] = str) -> object:
    """A JSON-ready copy of `value` (dicts, lists, scalars) in which every string is printable.

    `simple` makes what is none of these into one of them.
    """
    if isinstance(value, str):
        return printable(str(value), limit)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, dict):
        return {_name(str(k)): sanitize_json(v, limit, simple) for k, v in islice(value.items(), MEMBERS)}
    if isinstance(value, list | tuple | set | frozenset):
        return [sanitize_json(v, limit, simple) for v in islice(value, ELEMENTS)]
    if isinstance(value, float):
        return str(value)
    return sanitize_json(simple(value), limit, simple)


def _name(text: str) -> str:
    return _printable_name(text) if len(text) <= NAME_LIMIT else printable(text, NAME_LIMIT)


@lru_cache(maxsize=1024)
def _printable_name(text: str) -> str:
    """Names of facts are few, and each is in the evidence of every machine."""
    return printable(text, NAME_LIMIT)
