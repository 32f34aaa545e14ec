"""Host specs as testinfra takes them: checked, named without user and password, told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Final

from testinfra.backend import BACKENDS
from testinfra.backend.base import BaseBackend

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.model.recorded import host_id
from backup_compliance.model.sanitize import printable

DEFAULT_CONNECTION: Final = "ssh"
"""testinfra's own default is paramiko; ssh honours the user's configuration, agent and jump hosts."""

WINRM_PORTS: Final = {False: 5986, True: 5985}
"""With TLS, and without it (`?no_ssl=true`: NTLM then encrypts the messages)."""

_REFUSED: Final = {
    "safe-ssh": "it writes temporary files in the guest; use ssh://",
}
_REMOTE: Final = ("ssh", "paramiko", "winrm")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,63}")


@dataclass(frozen=True, slots=True)
class Target:
    """A guest to read."""

    name: str
    spec: str = field(repr=False)
    """testinfra's host spec; may hold a password."""
    connection: str = DEFAULT_CONNECTION
    segment: str = ""
    """The network it is in, by the user's own name for it; the same address in another one is another host."""


def parse_hosts(text: str, connection: str | None = None) -> list[Target]:
    """The targets of `--hosts`: specs parted by commas."""
    specs = [spec.strip() for spec in text.split(",") if spec.strip()]
    if not specs:
        raise ConfigurationError("--hosts: names no host")
    return unique([_target(spec, "--hosts", connection) for spec in specs])


def parse_hosts_file(path: Path, connection: str | None = None, option: str = "--hosts-file") -> list[Target]:
    """The targets of a hosts file, which `option` named: a spec a line, `segment=NAME` may follow it, `#` starts a comment.

    Raises:
        ConfigurationError: naming file and line; an empty list counts.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{option}: {path}: {getattr(error, 'strerror', None) or error}") from error
    entries = [(number, re.split(r"(?:^|\s)#", line)[0].strip()) for number, line in enumerate(lines, 1)]
    found, wrong = [], []
    for number, entry in ((n, e) for n, e in entries if e):
        try:
            found.append(_listed(entry, f"{path}:{number}", connection))
        except ConfigurationError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    if not found:
        raise ConfigurationError(f"{path}: names no host")
    return unique(found)


def _listed(entry: str, where: str, connection: str | None) -> Target:
    """A line of a hosts file."""
    spec, *words = entry.split()
    if not all("=" in word for word in words):
        return _target(entry, where, connection)  # which says what is wrong with white space
    settings = [word.partition("=")[::2] for word in words]
    for key, value in settings:
        if key != "segment":
            raise ConfigurationError(f"{where}: {printable(key, 40)}= is unknown; segment=NAME may follow a host spec")
        if not _SEGMENT.fullmatch(value):
            raise ConfigurationError(
                f"{where}: {printable(value, 80)!r} is no segment: up to 63 letters, digits and . _ -"
            )
    if len(settings) > 1:
        raise ConfigurationError(f"{where}: a host is in one segment")
    return replace(_target(spec, where, connection), segment=settings[0][1] if settings else "")


def _target(spec: str, where: str, connection: str | None) -> Target:
    if re.search(r"[\s,]", spec):
        raise ConfigurationError(f"{where}: a host spec holds no white space and no comma; one spec a line")
    if re.match(r"[a-z-]+:/[^/]", spec):
        raise ConfigurationError(f"{where}: {_shown(spec)}: two slashes follow a connection's colon (ssh://HOST)")
    scheme, separator, rest = spec.rpartition("://")
    used = scheme if separator else connection or DEFAULT_CONNECTION
    shown = _shown(spec)
    if "@" in rest.partition("/")[2].partition("?")[0] or rest.count("@") > 1:
        raise ConfigurationError(f"{where}: {shown}: write / and @ in a password as %2F and %40")
    if used not in BACKENDS:
        raise ConfigurationError(
            f"{where}: {shown}: unknown connection {used!r}; one of {', '.join(sorted(set(BACKENDS) - set(_REFUSED)))}"
        )
    if used in _REFUSED:
        raise ConfigurationError(f"{where}: {shown}: {used}:// is refused: {_REFUSED[used]}")
    authority = rest.split("?")[0].rstrip("/")
    if used == "local":
        return Target("local", spec, used)
    try:
        parsed = BaseBackend.parse_hostspec(authority)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {shown}: not a host spec") from error
    port = parsed.port if used in _REMOTE else None
    if not parsed.name or (port is not None and not (port.isdigit() and 0 < int(port) < 65536)):
        raise ConfigurationError(f"{where}: {shown}: {'no host name' if not parsed.name else f'{port!r} is no port'}")
    if used == "winrm" and not parsed.user:
        raise ConfigurationError(f"{where}: {shown}: it names no user (winrm://USER@HOST)")
    name = parsed.name.replace(":", "-") + (f":{port}" if port else "")
    spec = spec if separator else f"{used}://{spec}"
    return Target(host_id(name if used in _REMOTE else f"{used}:{name}"), _with_port(spec, used, port), used)


def _with_port(spec: str, used: str, port: str | None) -> str:
    """WinRM's own port where none is given: testinfra would take https's."""
    if used != "winrm" or port is not None:
        return spec
    address, question, query = spec.partition("?")
    own = WINRM_PORTS["no_ssl=true" in query.lower()]
    return f"{address.rstrip('/')}:{own}{question}{query}"


def _shown(spec: str) -> str:
    """The spec without user and password."""
    scheme, separator, rest = spec.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def has_password(spec: str) -> bool:
    """Whether a host spec holds one."""
    authority = spec.rpartition("://")[2].split("?")[0]
    return ":" in authority.rpartition("@")[0]


def check_reachable_apart(targets: Iterable[Target]) -> None:
    """`ConfigurationError` where one address stands in two segments: from one machine both are the same host."""
    seen: dict[tuple[str, ...], Target] = {}
    for target in targets:
        other = seen.setdefault(_address(target), target)
        if other.segment != target.segment:
            raise ConfigurationError(
                f"{other.name} and {target.name} have one address in two segments, which from here would be one host: --segment=NAME on a runner in each, or --read-on=URL"
            )


def _address(target: Target) -> tuple[str, ...]:
    """What a target reaches, whoever signs in there and however it is spelt."""
    kind = "" if target.connection in _REMOTE else target.connection
    if target.connection == "local":
        return (kind,)
    parsed = BaseBackend.parse_hostspec(target.spec.rpartition("://")[2].split("?")[0].rstrip("/"))
    default = "" if kind else str(WINRM_PORTS[False]) if target.connection == "winrm" else "22"
    return kind, parsed.name.casefold(), str(parsed.port or default) if not kind else ""


def unique(targets: list[Target]) -> list[Target]:
    """Each spec once in a segment; hosts of one name are told apart by segment, within one by number.

    Meant for the whole list: which names a segment is added to depends on what else is there.
    """
    once = list({(t.spec, t.segment): t for t in targets}.values())
    segments: dict[str, set[str]] = {}
    for target in once:
        segments.setdefault(target.name.casefold(), set()).add(target.segment)
    taken: set[str] = set()
    found = []
    for target in once:
        several = len(segments[target.name.casefold()]) > 1
        name = f"{target.name}~{target.segment}" if several and target.segment else target.name
        # what somebody else is called already is not free either
        numbered = (f"{name}~{number}" for number in count(2))
        free = (n for n in chain([name], numbered) if n.casefold() not in taken)
        chosen = next(n for n in free if n == target.name or n.casefold() not in segments)
        taken.add(chosen.casefold())
        found.append(replace(target, name=chosen))
    return found
