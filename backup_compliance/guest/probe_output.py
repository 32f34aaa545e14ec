"""What a probe printed, as framed parts: the shape that both systems' probes share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from backup_compliance.model.verdicts import Unreadable

OUTPUT_LIMIT: Final = 1 << 20
"""Bytes of one guest's output that are looked at; the probe's own caps add up to a quarter of it."""
CAPS: Final = {"config": 65536, "extension": 49152, "routes": 16384}
"""Bytes after which the probe cuts a part; it sends one byte more to show that it did."""
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

    @property
    def revision(self) -> int:
        """Which additions the probe's frame holds; 1 for recordings that were made before it told."""
        told = (p.pairs().get("revision", "") for name in ("meta", "collected", "powershell") for p in self.all(name))
        return max((int(t) for t in told if re.fullmatch(r"[0-9]{1,4}", t)), default=1)

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
