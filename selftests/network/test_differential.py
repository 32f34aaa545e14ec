"""Flows and routes of a few hundred estates against our own reading of the documentation; `make proof` asks thousands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from selftests.proof import flow_differential, route_differential


@pytest.mark.parametrize(
    ("differences", "seeds"),
    [(flow_differential.differences, range(60)), (route_differential.differences, range(150))],
    ids=["flows", "routes"],
)
def test_brute_force_agrees(differences: Callable[[int], tuple[int, list[str]]], seeds: range) -> None:
    """Address by address: who is let through, by which next hop, and how many prefixes are counted."""
    asked, found = 0, []
    for seed in seeds:
        count, differing = differences(seed)
        asked += count
        found += differing
    assert asked > 40 * len(seeds)
    assert not found, "\n".join(found[:20])
