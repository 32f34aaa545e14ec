"""Reads everything a run asks for, with progress, before any test is collected."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest
from tqdm import tqdm

from backup_compliance.baselines import Baseline
from backup_compliance.facts import Facts, RecordedGuest, load_facts, merge, save_facts
from backup_compliance.guest.read import Limits, probe_command, read_guests
from backup_compliance.options import connection_options, path_of, targets


def read_facts(config: pytest.Config, baseline: Baseline, say: Callable[[str], None]) -> Facts:
    """Recorded facts, then live ones; saved where `--save-facts` says.

    Raises:
        ConfigurationError: a facts folder of another version, a folder that cannot be written.
    """
    parts = []
    if (folder := config.getoption("facts")) is not None:
        parts.append(load_facts(path_of(config, folder)))
    if targets(config):
        parts.append(_read_live(config, baseline, say))
    facts = merge(parts)
    if (folder := config.getoption("save_facts")) is not None:
        save_facts(facts, path_of(config, folder))
    return facts


def _read_live(config: pytest.Config, baseline: Baseline, say: Callable[[str], None]) -> Facts:
    chosen = targets(config)
    endpoint = baseline.thresholds.storage_endpoints.get(config.getoption("cloud"), "")
    limits = Limits(config.getoption("max_connections"), config.getoption("timeout"))
    began = time.monotonic()
    # a bar on terminals only; a log keeps the one line below
    with tqdm(total=len(chosen), desc="reading guests", unit="host", file=sys.stderr, disable=None, leave=False) as bar:

        def told(guest: RecordedGuest) -> None:
            bar.set_postfix_str(guest.name[:30])
            bar.update()

        guests = read_guests(chosen, connection_options(config), probe_command(endpoint), limits, told)
    failed = sum(g.problem is not None for g in guests)
    unread = f", {failed} of them could not be read" if failed else ""
    say(f"read {len(guests)} guest{'s' if len(guests) != 1 else ''} in {time.monotonic() - began:.1f} s{unread}")
    return Facts(tuple(guests))
