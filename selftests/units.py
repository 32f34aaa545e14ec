"""The example systemd units by systemd's own check: `python -m selftests.units`, where there is a systemd-analyze."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selftests.builders.product import ROOT

FOLDER = ROOT / "examples/systemd"
INSTALLED = "/opt/azure-backup-compliance"


def main() -> int:
    """The check's exit status; 0, with a word, where it cannot be made."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        sys.stdout.write("systemd-analyze: not here, the units were left out\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for unit in FOLDER.glob("backup-compliance.*"):
            # the check looks whether the command is there, and here it lies elsewhere
            (Path(folder) / unit.name).write_text(unit.read_text().replace(INSTALLED, str(ROOT)))
        units = sorted(str(p) for p in Path(folder).iterdir())
        done = subprocess.run([tool, "verify", "--man=no", *units], capture_output=True, text=True)
    sys.stdout.write(done.stderr)
    return done.returncode or bool(done.stderr.strip())


if __name__ == "__main__":
    sys.exit(main())
