"""The README's generated control table: `python -m selftests.readme` writes it."""

from __future__ import annotations

from backup_compliance.baselines import load_baseline
from backup_compliance.controls import load_catalogue
from backup_compliance.report.catalogue import catalogue_table
from selftests.product import ROOT

BEGIN, END = "<!-- controls: written by make readme -->", "<!-- end of controls -->"


def with_table(text: str) -> str:
    """The README with its table as the catalogue and the baselines have it now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = catalogue_table(load_catalogue(ROOT).values(), load_baseline("documented"), load_baseline("current"))
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text()))
