"""What a Linux guest is asked: `probe.sh` as one command line."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Final

from backup_compliance.guest.linux.agent_layouts import table_for_probe as layout_table
from backup_compliance.guest.linux.dhcp_clients import table_for_probe as lease_table

PROBE: Final = Path(__file__).with_name("probe.sh")


TABLES: Final = ("# tables: written by make readme", "# end of tables")
"""Between these lines of probe.sh lie both tables: by hand and by Run Command it is a bare file."""


def with_tables(text: str) -> str:
    """probe.sh with both tables as they are now."""
    before, begin, rest = text.partition(f"{TABLES[0]}\n")
    _, end, after = rest.partition(TABLES[1])
    return f"{before}{begin}{layout_table()}\n{lease_table()}\n{end}{after}"


def probe_command(storage_endpoint: str) -> str:
    """The probe as one command line that every login shell takes, csh and fish included.

    Base64 because nothing in it means anything to a shell; `eval` and not a pipe into `sh`, so that
    no command of the probe can read the rest of it from its standard input.
    """
    if not re.fullmatch(r"[A-Za-z0-9.:-]*", storage_endpoint):
        raise ValueError(f"{storage_endpoint!r} is no host name")
    lines = (line for line in PROBE.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#"))
    encoded = base64.b64encode("\n".join(lines).encode()).decode()
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    return f"/usr/bin/env PATH={path} AVB_STORAGE_ENDPOINT={storage_endpoint} /bin/sh -c 'eval \"$(echo {encoded} | base64 -d)\"'"
