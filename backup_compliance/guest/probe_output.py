"""What a probe printed, as framed parts: the shape that both systems' probes share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

RECOLLECT_WITH_THIS_PROBE: Final = f"{RECOLLECT} with this version's probe.sh"
OUTPUT_LIMIT: Final = 1 << 20
"""Bytes of one guest's output that are looked at; the probe's own caps add up to a quarter of it."""
CAPS: Final = {"config": 65536, "extension": 49152, "routes": 16384, "nmcli": 8192, "interface": 4096}
"""Bytes after which the probe cuts a part; it sends one byte more to show that it did."""
LEFT_OUT: Final = "/left-out:"
"""What stands in the place of a part that a packed output cannot hold, before the bytes that it takes."""
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

    def damaged(self, line: str) -> Unreadable:
        """What to raise for a line that no probe prints here: it could be the one that counts."""
        return Unreadable(
            f"part {self.words[0]!r} of the probe's output holds a line that cannot be read: {printable(line, 80)!r}",
            "collect again; nothing of it may be edited",
        )

    def pairs(self) -> dict[str, str]:
        """`key=value` lines; the first of a key counts."""
        found: dict[str, str] = {}
        for line in self.lines():
            key, equals, value = line.partition("=")
            if equals:
                found.setdefault(key.strip(), value.strip())
        return found


@dataclass(frozen=True, slots=True)
class PartGrammar:
    """What the lines of a part look like; blank ones never count."""

    line: re.Pattern[str]
    free_behind: re.Pattern[str] | None = None
    """The line behind which a program's own words follow, in whatever form."""
    begins_anywhere: int | None = None
    """Bytes from which on the part is the end of something longer, so that its first line may lack its beginning."""


PAIR: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*=.*", re.DOTALL)
"""A `key=value` line; a key that this version does not know is no damage."""


def records(part: Part, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """Every line of `part` but blank ones as `pattern` matches it; `Unreadable` with the first one that it does not match."""
    found = []
    for line in part.lines():
        if match := pattern.fullmatch(line):
            found.append(match)
        elif line.strip():
            raise part.damaged(line)
    return found


@lru_cache(maxsize=64)
def _first_damaged(text: str, grammar: PartGrammar) -> str | None:
    """The first line that is none of the grammar's; a part is asked for several times, and looked through once."""
    lines = text.split("\n")
    if grammar.begins_anywhere is not None and len(text.encode("utf-8", "replace")) >= grammar.begins_anywhere:
        del lines[0]
    for line in lines:
        if grammar.free_behind is not None and grammar.free_behind.fullmatch(line):
            return None
        if not grammar.line.fullmatch(line) and line.strip():
            return line
    return None


@dataclass(frozen=True, slots=True)
class ProbeOutput:
    """Every part of one guest's probe output, in order."""

    parts: tuple[Part, ...]
    grammars: Mapping[str, PartGrammar] = field(default_factory=dict)
    """By the first word of a heading; a part without one is its parser's to check."""

    @property
    def revision(self) -> int:
        """Which additions the probe's frame holds; 1 for recordings that were made before it told."""
        # what else is damaged in these parts is told where it is needed
        told = (p.pairs().get("revision", "") for p in self.parts if p.words[0] in ("meta", "collected", "powershell"))
        return max((int(t) for t in told if re.fullmatch(r"[0-9]{1,4}", t)), default=1)

    def all(self, *words: str) -> list[Part]:
        """The parts whose heading starts with `words`; `Unreadable` where a line of one is not what its grammar says."""
        found = [p for p in self.parts if p.words[: len(words)] == words]
        for part in found:
            if part.text.startswith(LEFT_OUT):
                size = printable(part.text.removeprefix(LEFT_OUT), 20)
                raise Unreadable(
                    f"part {part.words[0]!r} takes {size} bytes packed, more than Run Command returns, and was left out",
                    "read this guest over ssh, or by hand: sh probe.sh > NAME.txt",
                )
            grammar = self.grammars.get(part.words[0])
            if grammar is not None and (line := _first_damaged(part.text, grammar)) is not None:
                raise part.damaged(line)
        return found

    def one(self, *words: str) -> Part:
        """The first such part; `Unreadable` where it is missing, was cut at its cap, or holds a damaged line."""
        # A cap counts first: what it cuts ends in the middle of a line.
        found = [p for p in self.parts if p.words[: len(words)] == words]
        if not found:
            raise Unreadable(f"the probe's output has no part {' '.join(words)!r}", RECOLLECT_WITH_THIS_PROBE)
        cap = CAPS.get(words[0])
        # The last newline is off, and it may have been the byte that shows the cut.
        if cap is not None and len(found[0].text.encode("utf-8", "replace")) >= cap:
            raise Unreadable(
                f"the files behind {words[0]!r} are larger than {cap // 1024} KiB and were cut",
                "clean up the oversized file on the guest",
            )
        return self.all(*words)[0]
