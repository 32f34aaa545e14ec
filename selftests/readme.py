"""What is generated and kept: the README's control table, probe.cmd and the tables in probe.sh.

`python -m selftests.readme` writes them.
"""

from __future__ import annotations

from backup_compliance.catalogue.baselines import load_baseline
from backup_compliance.catalogue.controls import load_catalogue
from backup_compliance.guest.linux.probe import PROBE, with_tables
from backup_compliance.guest.windows.probe import BY_HAND, by_hand
from backup_compliance.report.catalogue import catalogue_table
from selftests.builders.product import ROOT

BEGIN, END = "<!-- controls: written by make readme -->", "<!-- end of controls -->"


def with_table(text: str) -> str:
    """The README with its table as the catalogue and the baselines have it now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = catalogue_table(load_catalogue(ROOT).values(), load_baseline("documented"), load_baseline("current"))
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def probe_by_hand() -> bytes:
    """probe.cmd as the probe's commands are now."""
    return by_hand(load_baseline("documented").thresholds.storage_endpoints["public"]).encode("ascii")


if __name__ == "__main__":
    BY_HAND.write_bytes(probe_by_hand())
    PROBE.write_text(with_tables(PROBE.read_text()))
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text()))
