"""What `probe.sh packed`, `packed 2` ... printed, put together: whole parts of several readings of one guest.

Each call reads the guest anew and sends those of its parts that lie between two headings, in the order of their letters,
as a reading of its own. The part `packed` says where they begin and where the next number has to begin:

    number=2
    from=http host 80
    next=memory
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from backup_compliance.guest.probe_output import OUTPUT_LIMIT, Part
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

APART: Final = timedelta(hours=24)
"""How far the readings may lie apart: a fleet is asked for one number after the other."""
_ONE_GUEST: Final = ("hostname", "product-uuid", "kernel", "uid", "revision")
"""What all readings of one guest say alike in `meta`; another kernel was started in between."""
_START_OVER: Final = "collect all of them again: sh probe.sh packed > NAME.txt, then packed 2 >> NAME.txt as it says"


@dataclass(frozen=True, slots=True)
class PackedReading:
    """One number's reading: its parts, and the range of headings that it speaks for."""

    parts: tuple[Part, ...]
    start: str = ""
    stop: str = ""
    """The heading with which the next number begins; empty where none follows."""

    def covers(self, heading: str) -> bool:
        """Whether a part of this heading would be here if the guest had printed it."""
        return self.start <= heading and (not self.stop or heading < self.stop)

    @property
    def meta(self) -> dict[str, str]:
        """Who answered and when, which is in every number."""
        return next((p.pairs() for p in self.parts if p.words == ("meta",)), {})


def packed_reading(parts: tuple[Part, ...]) -> PackedReading:
    """The parts of one call; of a call that printed all of them, the range is everything."""
    told = next((p.pairs() for p in parts if p.words == ("packed",)), {})
    kept = tuple(p for p in parts if p.words != ("packed",))
    return PackedReading(kept, told.get("from", ""), told.get("next", ""))


def unpack(encoded: str) -> str:
    """The text behind gzip and base64, whose checksum must be right."""
    decompressor = zlib.decompressobj(wbits=31)
    try:
        raw = decompressor.decompress(base64.b64decode("".join(encoded.split()), validate=True), OUTPUT_LIMIT)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise Unreadable("the packed output is damaged", "collect again; nothing of it may be edited") from error
    return raw.decode("utf-8", "backslashreplace")


def join(readings: Mapping[int, PackedReading]) -> tuple[Part, ...]:
    """One reading out of the numbers 1, 2 ...; each heading from the first of them that speaks for it, the time the oldest.

    Raises:
        Unreadable: a number is missing, they are of different guests or dates, or a range of headings is in none.
    """
    chain = _chain(readings)
    _check_one_guest(chain)
    times = [int(r.meta["epoch"]) if r.meta.get("epoch", "").isdecimal() else 0 for r in chain]
    if max(times) - min(times) > APART.total_seconds():
        raise Unreadable("the packed parts were read more than a day apart", _START_OVER)
    oldest = chain[times.index(min(times))]
    found = [p for p in oldest.parts if p.words == ("meta",)]
    for at, reading in enumerate(chain):
        for part in (p for p in reading.parts if p.words != ("meta",)):
            heading = " ".join(part.words)
            if reading.covers(heading) and not any(earlier.covers(heading) for earlier in chain[:at]):
                found.append(part)
    return tuple(found)


def _chain(readings: Mapping[int, PackedReading]) -> list[PackedReading]:
    """The numbers up to the one behind which none follows; later ones are left over from a longer reading."""
    chain: list[PackedReading] = []
    while not chain or chain[-1].stop:
        number = len(chain) + 1
        found = readings.get(number)
        if found is None:
            raise Unreadable(f"packed {number} is missing", how_to_get(number))
        if found.start > (chain[-1].stop if chain else ""):
            begin = repr(chain[-1].stop) if chain else "the beginning"
            raise Unreadable(
                f"the parts from {printable(begin, 80)} to {printable(repr(found.start), 80)} are in no number",
                _START_OVER,
            )
        chain.append(found)
    return chain


def _check_one_guest(chain: list[PackedReading]) -> None:
    first = chain[0].meta
    for reading in chain[1:]:
        odd = next((key for key in _ONE_GUEST if reading.meta.get(key) != first.get(key)), None)
        if odd is not None:
            values = [printable(str(meta.get(odd, "none")), 60) for meta in (first, reading.meta)]
            raise Unreadable(
                f"the packed parts are not of one guest in one state: {odd} is {values[0]} and {values[1]}", _START_OVER
            )


def how_to_get(number: int) -> str:
    """What to type for one number."""
    return f"run sh probe.sh packed {number} there and append what it prints: >> NAME.txt"
