"""Baselines: severities and thresholds per edition of the documentation, and the user's own."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
from packaging.version import InvalidVersion, Version

from backup_compliance.catalogue.configuration import ConfigurationError, convert, read_toml, wrong
from backup_compliance.catalogue.controls import Severity

BUILT_IN: Final = ("documented", "current")
FOLDER: Final = Path(__file__).parent / "baselines"
CLOUDS: Final = ("public", "china", "usgov")
NO_PAGE: Final = "no public page"
"""What stands for a page where none is known."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers and versions that verdicts hang on."""

    linux_agent_minimum: str
    linux_agent_newest: str
    linux_agent_newest_date: date
    windows_agent_minimum: str
    agent_report_minutes: float
    linux_extension_minimum: str
    python_oldest: str
    cpu_percent: float
    memory_percent: float
    schedule_members: int
    schedule_minutes: int
    schedule_group_tag: str
    schedule_group_resource_groups: bool
    policy_vms: int
    restore_points: int
    exemption_days: int
    storage_endpoints: dict[str, str]


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another severity while a condition over the facts holds; the first that holds wins."""

    condition: str
    severity: Severity


class BaselineSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a threshold, or a severity that differs from the parent's, comes from."""

    page: str
    """Its title; `NO_PAGE` for what nobody documents."""
    date: date | None = None
    """When the page said so; None only without a page."""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    title: str = ""
    date: date
    extends: str | None = None
    severities: dict[str, Severity] = {}
    overrides: dict[str, list[Override]] = {}
    thresholds: dict[str, object] = {}
    sources: dict[str, BaselineSource] = {}


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One edition: what it calls each control and where it draws each line."""

    name: str
    title: str
    date: date
    severities: Mapping[str, Severity]
    overrides: Mapping[str, list[Override]]
    thresholds: Thresholds
    sources: Mapping[str, BaselineSource]
    """By the name of a threshold or the id of a control; none for what a baseline of one's own sets without a source."""

    def severity(self, control: str, conditions: Collection[str] = ()) -> Severity:
        """The severity of `control` while `conditions` (names) hold."""
        for override in self.overrides.get(control, ()):
            if override.condition in conditions:
                return override.severity
        return self.severities[control]

    def conditions(self, control: str) -> tuple[str, ...]:
        """The conditions that would change this control's severity."""
        return tuple(o.condition for o in self.overrides.get(control, ()))


def load_baseline(name: str, known_controls: Collection[str] = (), known_conditions: Collection[str] = ()) -> Baseline:
    """`documented`, `current`, or the path of a TOML file that extends one of them.

    Raises:
        ConfigurationError: naming file, line and key; unknown controls and conditions count.
    """
    path = FOLDER / f"{name}.toml" if name in BUILT_IN else Path(name)
    if name not in BUILT_IN and not path.is_file():
        raise ConfigurationError(f"--baseline: {name} is neither a file nor one of {', '.join(BUILT_IN)}")
    text, data = read_toml(path)
    file = convert(data, _File, path, text, _hint)
    _check_names(file, path, text, known_controls, known_conditions)
    _check_sources(file, path, text, is_built_in=name in BUILT_IN)
    if file.extends is None and name not in BUILT_IN:
        raise wrong(path, text, ["extends"], f"a baseline of your own extends one of {', '.join(BUILT_IN)}")
    if file.extends is not None and file.extends not in BUILT_IN:
        raise wrong(path, text, ["extends"], f"unknown baseline {file.extends!r}; one of {', '.join(BUILT_IN)}")
    parent = load_baseline(file.extends) if file.extends else None
    inherited = msgspec.to_builtins(parent.thresholds) if parent else {}
    thresholds = convert(
        {"thresholds": {**inherited, **file.thresholds}}, _ThresholdsFile, path, text, _hint
    ).thresholds
    _check_versions(thresholds, path, text)
    # a severity of one's own is not to be undercut by a condition of the edition it extends
    inherited_overrides = {
        c: o for c, o in (parent.overrides if parent else {}).items() if name in BUILT_IN or c not in file.severities
    }
    return Baseline(
        name=file.name,
        title=file.title,
        date=file.date,
        severities={**(parent.severities if parent else {}), **file.severities},
        overrides={**inherited_overrides, **file.overrides},
        thresholds=thresholds,
        sources={
            **{k: s for k, s in (parent.sources if parent else {}).items() if k not in _set_by(file)},
            **file.sources,
        },
    )


def _set_by(file: _File) -> set[str]:
    """What a file says itself and has to have a source for: thresholds, overrides, and severities unless it begins a line."""
    return {*file.thresholds, *file.overrides, *(file.severities if file.extends else ())}


def _check_sources(file: _File, path: Path, text: str, *, is_built_in: bool) -> None:
    """A source is of something that the file sets, and has a page with its date, or says that there is none."""
    for name, source in file.sources.items():
        if name not in _set_by(file):
            raise wrong(path, text, ["sources", name], "the file sets no threshold, override or severity of that name")
        if not source.page.strip():
            raise wrong(path, text, ["sources", name], f"the title of a page, or {NO_PAGE!r}")
        if (source.date is None) is not (source.page == NO_PAGE):
            raise wrong(path, text, ["sources", name], f"a page has a date, {NO_PAGE!r} has none")
    missing = sorted(_set_by(file) - set(file.sources)) if is_built_in else []
    if missing:
        raise wrong(
            path, text, ["sources"], f"{', '.join(missing)}: no source; name a page and its date, or {NO_PAGE!r}"
        )


def _hint(message: str) -> str:
    if "enum value" in message:
        return f"; one of {', '.join(Severity)}"
    if "unknown field" in message and "$.thresholds" in message:
        return f"; known: {', '.join(Thresholds.__struct_fields__)}"
    return f"; known: {', '.join(_File.__struct_fields__)}" if "unknown field" in message else ""


class _ThresholdsFile(msgspec.Struct, frozen=True):
    thresholds: Thresholds


def _check_names(file: _File, path: Path, text: str, controls: Collection[str], conditions: Collection[str]) -> None:
    for table, entries in (("severities", file.severities), ("overrides", file.overrides)):
        for identifier in entries:
            if controls and identifier not in controls:
                raise wrong(path, text, [table, identifier], "unknown control id; `pytest --controls` lists them")
    for identifier, overrides in file.overrides.items():
        for override in overrides:
            if conditions and override.condition not in conditions:
                known = ", ".join(sorted(conditions))
                raise wrong(
                    path, text, ["overrides", identifier], f"unknown condition {override.condition!r}; one of {known}"
                )


def _check_versions(thresholds: Thresholds, path: Path, text: str) -> None:
    names = [
        f
        for f in thresholds.__struct_fields__
        if f.startswith(("linux_agent_", "linux_extension_", "windows_agent_", "python_"))
    ]
    for name in names:
        value = getattr(thresholds, name)
        try:
            if isinstance(value, str):
                Version(value)
        except InvalidVersion as error:
            raise wrong(path, text, ["thresholds", name], f"{value!r} is no version") from error
    for percent in ("cpu_percent", "memory_percent"):
        if not 0 < getattr(thresholds, percent) <= 100:
            raise wrong(path, text, ["thresholds", percent], "a percentage between 0 and 100")
    for number in ("agent_report_minutes", "schedule_members", "schedule_minutes", "policy_vms", "restore_points"):
        if not 0 < getattr(thresholds, number) < math.inf:
            raise wrong(path, text, ["thresholds", number], "a number above 0")
    if thresholds.exemption_days < 0:
        raise wrong(path, text, ["thresholds", "exemption_days"], "a number of days, or 0 for no limit")
    for cloud, host in thresholds.storage_endpoints.items():
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", host):
            raise wrong(path, text, ["thresholds", "storage_endpoints", cloud], f"{host!r} is no host name")
    unknown = set(thresholds.storage_endpoints) - set(CLOUDS)
    if unknown:
        raise wrong(
            path, text, ["thresholds", "storage_endpoints", min(unknown)], f"unknown cloud; one of {', '.join(CLOUDS)}"
        )
