"""Hands the summary to the CI system that the run is part of, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def publish_summary(summary: Path, environment: Mapping[str, str]) -> list[str]:
    """Append to GitHub's job summary; the lines to print: Azure Pipelines' upload command, or what went wrong.

    Args:
        summary: `summary.md`.
        environment: `GITHUB_STEP_SUMMARY` names GitHub's file; `TF_BUILD` is set in Azure Pipelines.
    """
    lines = []
    if target := environment.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(target).open("a", encoding="utf-8") as file:
                file.write(summary.read_text(encoding="utf-8"))
        except OSError as error:
            lines.append(f"the job summary could not be written: {error}")
    if environment.get("TF_BUILD"):
        lines.append(f"##vso[task.uploadsummary]{summary.resolve()}")
    return lines
