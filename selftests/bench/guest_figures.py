"""What the ways to read a fleet of guests come to, as ratios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from statistics import median
from typing import Final

from selftests.bench.guest_reading import LIMITS, Cost, Measured
from selftests.bench.one_by_one import CPU_SAMPLE, FACTS
from selftests.bench.relay import ONE_WAY
from selftests.bench.results import Figure, Section, figure_of

OVERHEAD: Final = 1.15
"""read_guests may take this many times the wall time and the client's processor time of ssh with the same command."""
GAIN: Final = 25.0
"""... and must be this many times faster than one command at a time,"""
FILE_GAIN: Final = 2.0
"""... and this many times faster than the same facts by pytest-xdist over shared connections."""
SIDE_BY_SIDE: Final = 20
"""Guests from which on the gains have targets: few leave little to do side by side."""
FLOOR: Final = "ssh HOST PROBE by as many at once; both wait {sample:g} s a host for the processor's sample"


def section(measured: Measured, line: float | None = None) -> Section:
    """The figures of one fleet; `line`: seconds that a relay was found to add to a round trip."""
    away = "" if line is None else f", {2000 * ONE_WAY:g} ms away"
    figures = (
        _against_ssh("read_guests / ssh: wall", measured, lambda cost: cost.wall, OVERHEAD),
        _against_ssh("read_guests / ssh: client's CPU", measured, lambda cost: cost.client_cpu, OVERHEAD),
        _against_ssh("read_guests / ssh: guests' CPU", measured, lambda cost: cost.guest_cpu),
        _one_by_one(measured),
        _file(measured),
        *([] if line is None else [_line(line)]),
    )
    name = f"reading {measured.hosts} guests{away}, up to {LIMITS.connections} at once"
    return Section(name, FLOOR.format(sample=CPU_SAMPLE), figures, asdict(measured))


def _against_ssh(what: str, measured: Measured, of: Callable[[Cost], float], at_most: float | None = None) -> Figure:
    mine = median(of(each.product) for each in measured.rounds)
    theirs = median(of(each.plain) for each in measured.rounds)
    ratios = [of(each.product) / of(each.plain) for each in measured.rounds]
    return figure_of(what, ratios, at_most=at_most, told=f"{mine:.2f} s against {theirs:.2f} s")


def _one_by_one(measured: Measured) -> Figure:
    walked = [(each.walk, each.product.wall) for each in measured.rounds if each.walk]
    every = median(walk.wall * measured.hosts for walk, _ in walked)
    ratios = [walk.wall * measured.hosts / wall for walk, wall in walked]
    commands = median(walk.commands for walk, _ in walked)
    told = f"{every:.0f} s, scaled from {len(walked)} hosts: {len(FACTS)} facts, {commands:g} connections a host"
    return figure_of("testinfra, host by host / read_guests", ratios, at_least=_target(GAIN, measured), told=told)


def _file(measured: Measured) -> Figure:
    file = measured.file
    ratios = [file.reading / each.product.wall for each in measured.rounds]
    told = f"{file.reading:.1f} s for {file.tests} tests, and {file.idle:.1f} s until {file.workers} workers run"
    return figure_of(
        "pytest -n and ControlPath / read_guests", ratios, at_least=_target(FILE_GAIN, measured), told=told
    )


def _target(target: float, measured: Measured) -> float | None:
    return target if measured.hosts >= SIDE_BY_SIDE else None


def _line(added: float) -> Figure:
    expected = 2000 * ONE_WAY
    return Figure(
        "round trip added by the relay", 1000 * added, at_most=expected * 1.1, at_least=expected * 0.98, unit="ms"
    )
