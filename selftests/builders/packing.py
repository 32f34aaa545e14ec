"""What `probe.sh packed` makes of a recording: the script as it is, over a reading that is given."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from backup_compliance.guest.linux.probe import PROBE

READS = 'reading=$(sh "$0")'
MORE = "probe.sh: more follows"


def pack(reading: bytes, *arguments: str, shell: str = "sh", awk: str = "awk") -> bytes:
    """The output of `probe.sh packed ARGUMENTS` where the probe itself would have printed `reading`."""
    text = PROBE.read_text(encoding="utf-8")
    assert READS in text
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "reading").write_bytes(reading)
        script = Path(folder) / "probe.sh"
        script.write_text(
            text.replace(READS, f"reading=$(cat '{folder}/reading')")
            .replace("| awk ", f"| {awk} ")
            .replace("} awk ", f"}} {awk} "),
            encoding="utf-8",
        )
        command = [*shell.split(), str(script), "packed", *arguments]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def pack_all(reading: bytes, shell: str = "sh") -> list[bytes]:
    """One output a number, for as long as each says that more follows."""
    found = [pack(reading, shell=shell)]
    while MORE.encode() in found[-1]:
        found.append(pack(reading, str(len(found) + 1), shell=shell))
    return found
