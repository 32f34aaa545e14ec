"""Which of the virtual machines that were read are judged: by resource group, name or id, and tags; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.lookup import normalize_id


@dataclass(frozen=True, slots=True)
class Selection:
    """Globs; several of one kind widen, several kinds narrow. Names and ids match in any case, as in Azure."""

    resource_groups: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    """Names, or whole resource ids."""
    tags: tuple[tuple[str, str], ...] = ()
    """Keys in any case, values as they are spelt."""

    def __bool__(self) -> bool:
        return bool(self.resource_groups or self.machines or self.tags)

    def __str__(self) -> str:
        told = [f"--resource-group={name}" for name in self.resource_groups]
        told += [f"--vm={name}" for name in self.machines] + [f"--tag={key}={value}" for key, value in self.tags]
        return " ".join(told)

    def takes(self, vm: VmIdentity, tags: Callable[[], Mapping[str, str] | None]) -> bool:
        """Whether a machine is meant; one whose tags could not be read (None) may be, and is."""
        in_group = not self.resource_groups or _matches(vm.resource_group, self.resource_groups)
        by_name = not self.machines or _matches(vm.name, self.machines) or _matches(normalize_id(vm.id), self.machines)
        return in_group and by_name and (not self.tags or self._have(tags()))

    def _have(self, tags: Mapping[str, str] | None) -> bool:
        if tags is None:
            return True
        found = {key.lower(): value for key, value in tags.items()}
        wanted: dict[str, list[str]] = {}
        for key, value in self.tags:
            wanted.setdefault(key.lower(), []).append(value)
        return all(
            key in found and any(fnmatchcase(found[key], value) for value in values) for key, values in wanted.items()
        )


def _matches(text: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(text.lower(), glob.lower()) for glob in globs)
