"""The lab's table, by what is broken."""

from __future__ import annotations

from typing import Final

from selftests.lab.cases import agent, distributions, extension, network, proxies, reading, system
from selftests.lab.table import Case

CASES: Final[tuple[Case, ...]] = (
    *network.CASES,
    *proxies.CASES,
    *extension.CASES,
    *agent.CASES,
    *system.CASES,
    *reading.CASES,
    *distributions.CASES,
)
"""Every guest with every fault; in the order in which a guest meets them."""
