"""Host specs as testinfra takes them: checked, named without user and password, told apart."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from testinfra.backend import BACKENDS
from testinfra.backend.base import BaseBackend

from backup_compliance.configuration import ConfigurationError
from backup_compliance.recorded import host_id

DEFAULT_CONNECTION: Final = "ssh"
"""testinfra's own default is paramiko; ssh honours the user's configuration, agent and jump hosts."""

WINRM_PORTS: Final = {False: 5986, True: 5985}
"""With TLS, and without it (`?no_ssl=true`: NTLM then encrypts the messages)."""

_REFUSED: Final = {
    "safe-ssh": "it writes temporary files in the guest; use ssh://",
}
_REMOTE: Final = ("ssh", "paramiko", "winrm")


@dataclass(frozen=True, slots=True)
class Target:
    """A guest to read."""

    name: str
    spec: str = field(repr=False)
    """testinfra's host spec; may hold a password."""
    connection: str = DEFAULT_CONNECTION


def parse_hosts(text: str, connection: str | None = None) -> list[Target]:
    """The targets of `--hosts`: specs parted by commas."""
    specs = [spec.strip() for spec in text.split(",") if spec.strip()]
    if not specs:
        raise ConfigurationError("--hosts: names no host")
    return unique([_target(spec, "--hosts", connection) for spec in specs])


def parse_hosts_file(path: Path, connection: str | None = None) -> list[Target]:
    """The targets of `--hosts-file`: a spec a line, `#` starts a comment.

    Raises:
        ConfigurationError: naming file and line; an empty list counts.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--hosts-file: {path}: {getattr(error, 'strerror', None) or error}") from error
    specs = [(number, re.split(r"(?:^|\s)#", line)[0].strip()) for number, line in enumerate(lines, 1)]
    found, wrong = [], []
    for number, spec in ((n, s) for n, s in specs if s):
        try:
            found.append(_target(spec, f"{path}:{number}", connection))
        except ConfigurationError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    if not found:
        raise ConfigurationError(f"{path}: names no host")
    return unique(found)


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


def unique(targets: list[Target]) -> list[Target]:
    """Each spec once; different specs of one name are told apart by number."""
    specs = list({t.spec: t for t in targets}.values())
    seen: Counter[str] = Counter()
    found = []
    for target in specs:
        seen[target.name.casefold()] += 1
        number = seen[target.name.casefold()]
        found.append(target if number == 1 else Target(f"{target.name}~{number}", target.spec, target.connection))
    return found
