"""The control catalogue as text: for `pytest --controls` and for the README."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from backup_compliance.catalogue.baselines import Baseline
from backup_compliance.catalogue.controls import CAUSES, Control


def catalogue_text(controls: Iterable[Control], baseline: Baseline) -> str:
    """Every control with its severity in `baseline`, why it matters, what to do and where that is documented."""
    lines = [f"{'control':8} {'severity':9} {'side':9} what must hold"]
    cause = 0
    for each in controls:
        if each.cause != cause:
            cause = each.cause
            lines += ["", f"Cause {cause}: {CAUSES[cause]}" if cause < 5 else CAUSES[cause]]
        lines.append(f"{each.id:8} {baseline.severity(each.id):9} {each.side:9} {each.title}")
        for label, text in (
            ("why", each.rationale),
            ("fix", each.remediation),
            ("fix on Windows", each.windows_remediation),
            ("source", f"{each.source.title}, {each.source.date}"),
            ("test", each.test),
        ):
            if not text:
                continue
            lines += textwrap.wrap(
                text,
                100,
                initial_indent=f"{'':28} {label}: ",
                subsequent_indent=" " * 31,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join([*lines, "", f"Severities of baseline {baseline.name} ({baseline.title})."])


def catalogue_table(controls: Iterable[Control], documented: Baseline, current: Baseline) -> str:
    """The README's table, in Markdown."""
    rows = ["| control | what must hold | side | documented | current | source |", "|---|---|---|---|---|---|"]
    for each in controls:
        then, now = (_severities(each, baseline) for baseline in (documented, current))
        rows.append(
            f"| {each.id} | {each.title} | {each.side} | {then} | {now} | {each.source.title}, {each.source.date} |"
        )
    return "\n".join(rows)


def _severities(control: Control, baseline: Baseline) -> str:
    others = (f"{o.severity} if {o.condition.replace('-', ' ')}" for o in baseline.overrides.get(control.id, ()))
    return "; ".join((str(baseline.severity(control.id)), *others))
