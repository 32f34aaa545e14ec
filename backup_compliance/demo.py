"""The demo: judge the made-up samples, and tell what a gate would have done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """0 when the demo did what it is to show (the samples fail the gate), else pytest's own exit status."""
    command = [sys.executable, "-m", "pytest", "-q", "--facts=samples/facts", *sys.argv[1:]]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603  # our own words only
    if status != 1:
        print(f"demo: expected the samples to fail the gate (exit status 1), pytest ended with {status}")  # noqa: T201  # a command's output
        return status or 1
    print(  # noqa: T201  # a command's output
        "demo: the gate itself would have failed (exit status 1): the samples break each documented precondition\n"
        "      somewhere, as the list above tells. Open reports/compliance.html in a browser.\n"
        "      Your own hosts: pytest --hosts=ssh://root@HOST (README.md has the rest)."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
