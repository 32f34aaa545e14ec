"""Takes secrets out of text and breaks nothing: what was JSON stays JSON, in every layer of JSON inside of JSON.

A text is taken apart at its quotes. What is between two of them is one piece: secrets are looked for in the piece as it
stands and, escapes decoded, in what it says, which is taken apart in the same way. What is found there leads back to
whole characters of the text, so a mask never takes half an escape or a quote with it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

SECRET_NAMES: Final = (
    "password",
    "passwd",
    "accountkey",
    "accesskey",
    "apikey",
    "api_key",
    "secret",
    "_token",
    "_psk",
)
"""How names end whose values are secrets: of settings, of JSON's members, in whatever case."""
MASK: Final = "***"
LAYERS: Final = 12
"""JSON inside of JSON that is looked into; each layer doubles the backslashes of the one outside of it."""

_NAMES: Final = "|".join(re.escape(name) for name in SECRET_NAMES)


def _unit(excluded: str) -> str:
    """A character of a value, or an escape that can stand for none of `excluded`, for no quote and no backslash."""
    return rf"(?:[^{excluded}\\]|\\(?!u[0-9a-fA-F]{{4}})[^{excluded}\"'\\])"


_PATTERNS: Final = (
    (("sig=",), re.compile(r"(?i)\bsig=(?P<value>" + _unit(r"&\s'") + "+)")),
    # a password may itself hold a slash or an at sign: up to the last one of the word
    (("//",), re.compile("//(?P<value>" + _unit(r"/@:\s'<>") + "{1,64}:" + _unit(r"\s'<>") + "{1,128})@")),
    (("//",), re.compile("//(?P<value>" + _unit(r"/@\s") + "+)@")),
    (("bearer",), re.compile(r"(?i)\bbearer\s+(?P<value>[\w.~+/=-]{8,})")),
    (SECRET_NAMES, re.compile(rf"(?i)(?:{_NAMES})'?\s*[=:]\s*'?(?P<value>" + _unit(r"\s;,'") + "+)")),
)
"""What tells that a pattern may match, in lower case, and the pattern."""
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_CONTROLS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_QUOTE = re.compile(r'\\.|["\n]')
_SEPARATOR = re.compile(r"\s*[:=]\s*")
_NAMED_AT_THE_END = re.compile(rf"(?i)(?:{_NAMES})'?\s*[=:]\s*$")
_NAME_LENGTH: Final = 120
"""Characters at the end of a piece in which a secret's name is looked for."""
_SCALAR = re.compile(r"[^\s,;\[\]{}]+")
_JSON_BRACKETS = re.compile(r"[\s,:\[\]{}]*")
_JSON_SIGNS = re.compile(r"(?:[\s,:\[\]{}0-9.eE+-]|true|false|null)*")
_NO_SECRETS: Final = frozenset({"true", "false", "null"})
# Every pattern needs one of these, in plain letters or escaped; looking for them first is several times as fast.
_TELLING: Final = (*dict.fromkeys(word for words, _ in _PATTERNS for word in words), "\\u", "\\/")
_FOLDED: Final = str.maketrans("\u017f\u0130\u0131\u212a", "siik")
"""Letters outside of ASCII that a pattern takes for one of its own where case does not count."""
_TELLING_BYTES: Final = tuple(word.encode() for word in _TELLING)


# Named tuples, for a megabyte of quotes makes many.
class _Span(NamedTuple):
    start: int
    end: int
    mask: str = MASK


class _Piece(NamedTuple):
    """What is between two quotes of one line, or outside of them."""

    start: int
    text: str
    quoted: bool


def mask_secrets(text: str) -> str:
    """`text` without SAS signatures, user names and passwords in URLs, bearer tokens and keys."""
    if not _is_telling(text):
        return text
    return "\n".join(_masked(line) for line in text.split("\n"))


def may_hold_secrets(text: bytes) -> bool:
    """Whether `mask_secrets` could change what JSON's strings say, or any other text; False for nearly everything."""
    lower = text.lower()
    return not text.isascii() or b"\\" in text or any(word in lower for word in _TELLING_BYTES)


def _is_telling(text: str) -> bool:
    lower = _lower(text)
    for word in _TELLING:  # noqa: SIM110  # twice as fast as any(), and this is asked of every text that is shown
        if word in lower:
            return True
    return False


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDED).lower()


def _masked(line: str) -> str:
    if not _is_telling(line):
        return line
    kept = []
    at = 0
    for span in _merged(_spans(line, 1)):
        kept += [line[at : span.start], span.mask]
        at = span.end
    return "".join([*kept, line[at:]])


def _merged(spans: list[_Span]) -> list[_Span]:
    """In order, those that touch as one."""
    found: list[_Span] = []
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        if found and span.start <= found[-1].end:
            found[-1] = _Span(found[-1].start, max(found[-1].end, span.end), found[-1].mask)
        else:
            found.append(span)
    return found


def _pieces(text: str) -> list[_Piece]:
    """`text` parted at its quotes; no quote reaches beyond the end of its line."""
    found = []
    at, quoted = 0, False
    for match in _QUOTE.finditer(text):
        if match.group() == '"' or (quoted and match.group() == "\n"):
            found.append(_Piece(at, text[at : match.start()], quoted))
            at, quoted = match.end(), not quoted
    return [*found, _Piece(at, text[at:], quoted)]


def _spans(text: str, layer: int) -> list[_Span]:
    """What is secret in one layer of a text and in those inside of it."""
    pieces = _pieces(text)
    values = dict(_values(pieces))
    found = list(values.values())
    for index, piece in enumerate(pieces):
        if index not in values or not piece.quoted:
            found += _within(piece, layer)
    return found


def _within(piece: _Piece, layer: int) -> list[_Span]:
    """The secrets of a piece that is not secret as a whole."""
    text, start = piece.text, piece.start
    if not _is_telling(text):
        return []
    lower = _lower(text)
    patterns = [pattern for words, pattern in _PATTERNS if any(word in lower for word in words)]
    found = [_Span(*match.span("value")) for pattern in patterns for match in pattern.finditer(text)]
    if layer < LAYERS and "\\" in text:
        inner = _Decoded(text)
        found += [inner.outside(span) for span in _spans(inner.text, layer + 1)]
    return [_Span(start + span.start, start + span.end, span.mask) for span in found]


def _values(pieces: list[_Piece]) -> Iterator[tuple[int, _Span]]:
    """The values of secret names by the number of their piece: `"password": "..."`, `password="..."`, lists and objects too."""
    named = expecting = False
    depth = 0
    for index, piece in enumerate(pieces):
        text = piece.text
        if depth:
            following = pieces[index + 1].text if index + 1 < len(pieces) else ""
            if not piece.quoted:
                depth = _still_open(text, depth)
            elif not following.lstrip().startswith(":"):
                yield index, _Span(piece.start, piece.start + len(text))
        elif expecting:
            expecting = named = False
            yield index, _Span(piece.start, piece.start + len(text))
        elif named and (separator := _SEPARATOR.match(text)):
            named, expecting = False, separator.end() == len(text)
            depth = _still_open(text[separator.end() :], 0) if text[separator.end() :][:1] in ("[", "{") else 0
            scalar = _SCALAR.match(text, separator.end())
            if scalar and scalar.group() not in _NO_SECRETS:
                yield index, _Span(piece.start + scalar.start(), piece.start + scalar.end(), f'"{MASK}"')
        else:
            named = _says(piece).endswith(SECRET_NAMES)
            expecting = _opens_a_value(pieces, index)


def _opens_a_value(pieces: list[_Piece], index: int) -> bool:
    """Whether a value in quotes follows, as in `password="..."`.

    It is only said of a text that ends so where what follows is more than JSON's own signs: `{"a": "password=", "b": 1}`.
    After an odd quote inside and outside change places, so both kinds of pieces are looked at.
    """
    if index + 1 == len(pieces) or not _NAMED_AT_THE_END.search(pieces[index].text[-_NAME_LENGTH:]):
        return False
    following = pieces[index + 1].text
    signs = _JSON_SIGNS if pieces[index].quoted else _JSON_BRACKETS
    return signs.fullmatch(following) is None


def _says(piece: _Piece) -> str:
    """The end of a piece, in which a name would be, with its escapes decoded."""
    text = piece.text[-_NAME_LENGTH:]
    return _lower(_Decoded(text).text if "\\" in text else text).rstrip(" '")


def _still_open(text: str, depth: int) -> int:
    """How many brackets are open behind `text`; 0 as soon as the first of them is closed."""
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if depth == 0:
            return 0
    return depth


class _Decoded:
    """What a text says, JSON's escapes decoded, and where its characters come from; other backslashes stay."""

    def __init__(self, raw: str) -> None:
        self._inside: list[int] = []
        self._behind: list[int] = []
        parts = []
        at = length = 0
        for match in _ESCAPE.finditer(raw):
            code, plain = match.groups()
            length += match.start() - at
            parts += [raw[at : match.start()], chr(int(code, 16)) if code else _CONTROLS.get(plain, plain)]
            self._inside.append(length)
            self._behind.append(match.end())
            length, at = length + 1, match.end()
        self.text = "".join([*parts, raw[at:]])

    def outside(self, span: _Span) -> _Span:
        """A span of what the text says as a span of the text itself."""
        return _Span(self._place(span.start), self._place(span.end), json.dumps(span.mask)[1:-1])

    def _place(self, position: int) -> int:
        before = bisect_left(self._inside, position) - 1
        if before < 0:
            return position
        return self._behind[before] + position - self._inside[before] - 1
