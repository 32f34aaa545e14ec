"""Commands to copy: of controls that exist, with placeholders that the page fills in, and plain shell."""

from __future__ import annotations

import re
import shlex

from backup_compliance.catalogue.controls import load_catalogue
from backup_compliance.report.commands import load_commands
from selftests.builders.product import ROOT

COMMANDS = {c: [*each.guest, *each.azure] for c, each in load_commands().items()}


def test_commands_belong_to_controls() -> None:
    """An id that the catalogue lacks would never be shown."""
    assert set(COMMANDS) <= set(load_catalogue(ROOT))
    assert all(COMMANDS.values())


def test_placeholders_are_those_that_are_filled_in() -> None:
    """Any other would stand in the reader's shell as it is."""
    found = {name for lines in COMMANDS.values() for line in lines for name in re.findall(r"\{([a-z]+)\}", line)}
    assert found == {"subscription", "group", "vm", "endpoint"}


def test_commands_are_whole_shell_words() -> None:
    """No quote is left open, and what changes something says `az` or `sudo`."""
    for lines in COMMANDS.values():
        for line in lines:
            assert shlex.split(line), line
            assert "\n" not in line
