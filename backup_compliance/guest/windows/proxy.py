"""The proxies that concern the agent on Windows: LocalSystem's own (WinINET) and WinHTTP's, with their exceptions.

The agent runs as LocalSystem and knows no proxy of its own: .NET takes the Internet settings of S-1-5-18, services
that go through WinHTTP take the machine's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from backup_compliance.guest.facts import Proxy, ProxyVariable
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.windows.output import RECOLLECT_AS_ADMINISTRATOR, key
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

_USES_PROXY: Final = 2


_CREDENTIALS = re.compile(r"[^=;\s@]+@")
_SERVER = re.compile(r"(?m)^( {4}(?:ProxyServer|AutoConfigURL) {4}REG_\w+ {4})(.*)$", re.IGNORECASE)
_BLOB = re.compile(r"(?m)^( {4}WinHttpSettings {4}REG_BINARY {4})([0-9a-f]+)", re.IGNORECASE)


def mask_proxies(text: str) -> str:
    """`text` of a recording without users and passwords in proxy settings, which have no `//` before them here."""
    text = _SERVER.sub(lambda found: found.group(1) + _CREDENTIALS.sub("***@", found.group(2)), text)
    return _BLOB.sub(lambda found: found.group(1) + _masked_blob(found.group(2)), text)


def _masked_blob(shown: str) -> str:
    """The bytes before an `@` as stars, as many as there were: the lengths inside of the blob stay true."""
    data = bytes.fromhex(shown[: len(shown) // 2 * 2])
    masked = re.sub(rb"[\x21-\x3c\x3e\x3f\x41-\x7e]+@", lambda found: b"*" * (len(found.group()) - 1) + b"@", data)
    return masked.hex() if masked != data else shown


@dataclass(frozen=True, slots=True)
class WinHttp:
    """WinHttpSettings decoded: the proxy, and what goes around it; an empty proxy means direct."""

    proxy: str
    exceptions: str


def parse_winhttp(data: bytes) -> WinHttp:
    """The blob that `netsh winhttp set proxy` writes: version, counter, flags, then two texts with their lengths."""
    flags = int.from_bytes(data[8:12], "little")
    if len(data) < 16:
        raise Unreadable("WinHttpSettings is cut short", RECOLLECT_AS_ADMINISTRATOR)
    texts = []
    at = 12
    for _ in range(2):
        length = int.from_bytes(data[at : at + 4], "little")
        text = data[at + 4 : at + 4 + length]
        if len(text) < length:
            raise Unreadable("WinHttpSettings is cut short", RECOLLECT_AS_ADMINISTRATOR)
        texts.append(text.decode("latin-1"))
        at += 4 + length
    return WinHttp(*texts) if flags & _USES_PROXY else WinHttp("", "")


def parse_proxy(output: ProbeOutput) -> Proxy | None:
    """Every proxy setting that concerns the agent; None where none is set."""
    system, script = _system(output)
    machine = _winhttp(output)
    if not system and not machine and script is None:
        return None
    variables = [*system, *machine]
    return Proxy(
        host=None,
        port=None,
        variables=tuple(variables),
        no_proxy=(),
        contradictions=_contradictions(system, machine, script),
        script=script,
    )


def _contradictions(system: list[ProxyVariable], machine: list[ProxyVariable], script: str | None) -> tuple[str, ...]:
    if script is not None:
        return ()
    one, other = ({v.value for v in each if not v.is_for_https_only or len(each) == 1} for each in (system, machine))
    if one == other:
        return ()
    told = [
        f"{name} uses {', '.join(sorted(values)) or 'none'}"
        for name, values in (("LocalSystem", one), ("WinHTTP", other))
    ]
    return (" and ".join(told),)


def _system(output: ProbeOutput) -> tuple[list[ProxyVariable], str | None]:
    """LocalSystem's proxy and configuration script; the machine's where a policy says that it holds for everyone."""
    policy = key(output, "internet-policy")
    for_all = policy is not None and policy.number("ProxySettingsPerUser") == 0
    settings = key(output, "internet-machine" if for_all else "internet-system")
    if settings is None:
        return [], None
    origin = printable(settings.path, 120)
    script = settings.text("AutoConfigURL") or None
    server = settings.text("ProxyServer") if settings.number("ProxyEnable") == 1 else None
    exceptions = _entries(settings.text("ProxyOverride") or "")
    return _variables(f"ProxyServer in {origin}", server or "", exceptions), printable(script) if script else None


def _winhttp(output: ProbeOutput) -> list[ProxyVariable]:
    connections = key(output, "winhttp")
    data = connections.data("WinHttpSettings") if connections else None
    if data is None or connections is None:
        return []
    found = parse_winhttp(data)
    origin = f"WinHttpSettings in {printable(connections.path, 120)}"
    return _variables(origin, found.proxy, _entries(found.exceptions))


def _entries(text: str) -> tuple[str, ...]:
    return tuple(printable(e, 120) for e in re.split(r"[;\s]+", text) if e)


def _variables(origin: str, server: str, exceptions: tuple[str, ...]) -> list[ProxyVariable]:
    """`HOST:PORT` for everything, or `http=HOST:PORT;https=HOST:PORT`; named as the variables that say the same elsewhere."""
    found = []
    for entry in re.split(r"[;\s]+", server):
        kind, _, value = entry.rpartition("=")
        name = {"": "all_proxy", "http": "http_proxy", "https": "https_proxy"}.get(kind.lower())
        if value and name:
            value = _CREDENTIALS.sub("***@", re.sub(r"(?i)^https?://", "", value).rstrip("/"))
            found.append(ProxyVariable(origin, name, printable(value, 120), exceptions))
    return found
