"""Made-up Windows guests in the shape of the probe's output, in several versions and languages.

The formats are those of reg.exe, sc.exe, route.exe and vssadmin; names, addresses and ids belong to nobody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from backup_compliance.guest.windows.probe import PLAIN, QUOTED
from selftests.builders.extension_reports import GOOD, Report, substatus
from selftests.builders.recordings import ENDPOINT, EPOCH, WORD, Recording

SERVICES: Final = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services"
SOFTWARE: Final = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft"
HANDLER: Final = rf"{SOFTWARE}\Windows Azure\HandlerState\Microsoft.Azure.RecoveryServices.VMSnapshot_1.0.75.0"
INTERFACE: Final = rf"{SERVICES}\Tcpip\Parameters\Interfaces\{{5a11ab1e-7b1e-4a11-8a11-5a11ab1e0001}}"
OTHER_INTERFACE: Final = rf"{SERVICES}\Tcpip\Parameters\Interfaces\{{5a11ab1e-7b1e-4a11-8a11-5a11ab1e0002}}"
SYSTEM_INTERNET: Final = r"HKEY_USERS\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
CONNECTIONS: Final = rf"{SOFTWARE}\Windows\CurrentVersion\Internet Settings\Connections"
SERVICING: Final = rf"{SOFTWARE}\Windows\CurrentVersion\Component Based Servicing"
UPDATES: Final = rf"{SOFTWARE}\Windows\CurrentVersion\WindowsUpdate\Auto Update"
RESTARTING: Final = "8051010000000000000000000300000014000000" + "0100000060ea0000" * 2 + "0000000000000000"
"""FailureActions: restart after a minute, twice, then nothing."""
OPTIONS: Final = (
    "0600000000000000040000000000000" + "0ffffffffa83f8110"  # name server, by chance with the same four bytes
    "33000000000000000400000000000000ffffffffffffffff"
    "f50000000000000004000000" + "00000000ffffffffa83f8110"
)
CLOCK: Final = "2026-11-23T08:00:00"


@dataclass(frozen=True)
class Language:
    """What one language of Windows says where it says it in words."""

    code_page: str
    not_found: str
    default: str
    active_page: str
    on_link: str
    routes: str
    writer: str
    state: str
    stable: str
    error: str
    none: str
    not_set: str = "(value not set)"
    headings: tuple[str, str] = ("TYPE", "STATE")
    failed: str = "FAILED"


ENGLISH: Final = Language(
    "cp437",
    "ERROR: The system was unable to find the specified registry key or value.",
    "(Default)",
    "Active code page: 437",
    "On-link",
    "Network Destination        Netmask          Gateway       Interface  Metric",
    "Writer name",
    "State",
    "Stable",
    "Last error",
    "No error",
)
GERMAN: Final = Language(
    "cp850",
    "FEHLER: Der angegebene Registrierungsschlüssel bzw. Wert wurde nicht gefunden.",
    "(Standard)",
    "Aktive Codepage: 850.",
    "Auf Verbindung",
    "     Netzwerkziel    Netzwerkmaske          Gateway    Schnittstelle Metrik",
    "Verfassername",
    "Status",
    "Stabil",
    "Letzter Fehler",
    "Kein Fehler",
    "(Wert nicht festgelegt)",
    failed="FEHLER",
)
KOREAN: Final = Language(
    "cp949",
    "오류: 지정된 레지스트리 키 또는 값을 찾을 수 없습니다.",
    "(기본값)",
    "활성 코드 페이지: 949",
    "연결됨",
    "네트워크 대상        네트워크 마스크        게이트웨이     인터페이스  메트릭",
    "작성자 이름",
    "상태",
    "안정",
    "마지막 오류",
    "오류 없음",
    "(값이 설정되지 않음)",
)
JAPANESE: Final = Language(
    "cp932",
    "エラー: 指定されたレジストリ キーまたは値が見つかりませんでした。",
    "(既定)",
    "現在のコード ページ: 932",
    "リンク上",
    "ネットワーク宛先        ネットマスク          ゲートウェイ       インターフェイス  メトリック",
    "ライター名",
    "状態",
    "安定",
    "最後のエラー",
    "エラーなし",
    "(値の設定なし)",
    failed="失敗",
)
FRENCH: Final = Language(
    "cp850",
    "ERREUR : le système n’a pas trouvé la clé ou la valeur de Registre spécifiée.".replace("’", "'"),
    "(par défaut)",
    "Page de codes active : 850",
    "On-link",
    "Destination réseau    Masque réseau  Adr. passerelle   Adr. interface Métrique",
    "Nom du rédacteur",
    "État",
    "Stable",
    "Dernière erreur",
    "Aucune erreur",
    "(valeur non définie)",
    ("TYPE", "ÉTAT"),
    "ÉCHEC(S)",
)
WRITERS: Final = (
    ("Task Scheduler Writer", "d61d61c8-d73a-4eee-8cdd-f6f9786b7124"),
    ("VSS Metadata Store Writer", "75dfb225-e2e4-4d39-9ac9-ffaff65ddf06"),
    ("System Writer", "e8132975-6f93-4464-a53e-1050253ae220"),
    ("WMI Writer", "a6ad56c2-b509-4e6c-bb19-49d8f43532f0"),
)


def key(path: str, *values: tuple[str, str, str]) -> str:
    """One key as `reg query` prints it."""
    return "\n".join(["", path, *(f"    {n}    {kind}    {data}" for n, kind, data in values), ""])


def dword(name: str, number: int) -> tuple[str, str, str]:
    """A REG_DWORD."""
    return name, "REG_DWORD", f"0x{number:x}"


def text(name: str, value: str) -> tuple[str, str, str]:
    """A REG_SZ."""
    return name, "REG_SZ", value


def service(name: str, *more: tuple[str, str, str], start: int = 2) -> str:
    """A service's key, with the bare names of the keys below it."""
    path = rf"{SERVICES}\{name}"
    found = key(
        path,
        dword("Type", 16),
        dword("Start", start),
        dword("ErrorControl", 1),
        ("ImagePath", "REG_EXPAND_SZ", rf"%SystemDrive%\WindowsAzure\Packages\{name}.exe"),
        ("DependOnService", "REG_MULTI_SZ", r"Dhcp\0Tcpip"),
        *more,
    )
    return f"{found}\n{path}\\Parameters\n{path}\\Security\n"


@dataclass(frozen=True)
class WindowsRecording(Recording):
    """One Windows guest's output, part by part, in its language."""

    language: Language = field(default=ENGLISH)

    def text(self, version: str = "1", newline: str = "\r\n") -> str:
        """What the probe's three commands would have printed."""
        first = {"collected", "shell", *(h for h, _ in PLAIN)}
        second = {h for h, _ in QUOTED}
        blocks: tuple[list[str], ...] = ([], [], [])
        for heading in self.parts:
            blocks[0 if heading in first else 1 if heading in second else 2].append(heading)
        found = []
        for block in blocks:
            parts = "".join(f"\n{WORD} {heading}\n{self.parts[heading]}\n" for heading in block)
            found.append(f"\navb-windows {version} begin {WORD}\n{parts}\navb-windows {version} end {WORD}\n")
        return "".join(found).replace("\n", newline)

    def output(self) -> bytes:
        """The same in the guest's OEM code page."""
        return self.text().encode(self.language.code_page)

    def output_utf8(self) -> bytes:
        """The same where the console was set to UTF-8, or some other tool has converted it."""
        return self.text().encode()

    def absent(self, *names: str) -> WindowsRecording:
        """The same without some registry keys: reg.exe says so, in its language."""
        found = self
        for name in names:
            found = found.put(f"reg {name}", self.language.not_found)
        return found

    def put(self, part: str, text: str) -> WindowsRecording:
        """The same with another text for one part."""
        return WindowsRecording({**self.parts, part: text}, self.language)

    def edit(self, part: str, *changes: tuple[str, str]) -> WindowsRecording:
        """The same with (old, new) texts of one part exchanged."""
        changed = super().edit(part, *changes)
        assert isinstance(changed, WindowsRecording)
        return changed

    def without(self, *names: str) -> WindowsRecording:
        """The same without some parts."""
        return WindowsRecording(dict(super().without(*names).parts), self.language)


def http(stage: str = "answered", **told: str) -> str:
    """One request as PowerShell tells it."""
    named = {k.replace("_", "-"): v for k, v in told.items()}
    return "\n".join([f"stage={stage}", *(f"{k}={v}" for k, v in named.items())])


STORAGE_ANSWERED: Final = http(
    address="20.60.88.4",
    detail="",
    status="400",
    server="Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
    request_id="5f0d6a1e-001e-0042-7a5b-5da11ab1e000",
)
HOST_ANSWERED: Final = http(address="168.63.129.16", detail="", status="200", server="Microsoft-IIS/10.0")
TIMED_OUT: Final = http("connection", address="20.60.88.4", detail="connecting timed out")


def state(name: str, number: int = 4, language: Language = ENGLISH) -> str:
    """What `sc query` prints; label words are translated in some languages."""
    word = {1: "STOPPED", 2: "START_PENDING", 4: "RUNNING"}[number]
    kind, shown = language.headings
    return "\n".join(
        [
            "",
            f"SERVICE_NAME: {name} ",
            f"        {kind:19}: 10  WIN32_OWN_PROCESS  ",
            f"        {shown:19}: {number}  {word} ",
            "                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)",
            "        WIN32_EXIT_CODE    : 0  (0x0)",
            "        SERVICE_EXIT_CODE  : 0  (0x0)",
            "        CHECKPOINT         : 0x0",
            "        WAIT_HINT          : 0x0",
        ]
    )


def no_service(language: Language = ENGLISH) -> str:
    """What `sc query` prints for a service that does not exist."""
    return (
        f"[SC] EnumQueryServicesStatus:OpenService {language.failed} 1060:\n\nThe specified service does not exist.\n"
    )


def writers(
    language: Language = ENGLISH, states: tuple[int, ...] = (1, 1, 1, 1), word: str = "", error: str = ""
) -> str:
    """What `vssadmin list writers` prints."""
    found = ["vssadmin 1.1 - (C) Copyright 2001-2013 Microsoft Corp.", ""]
    for (name, identifier), number in zip(WRITERS, states, strict=True):
        said = language.none if number == 1 else error or language.none
        found += [
            f"{language.writer}: '{name}'",
            f"   ID: {{{identifier}}}",
            "   ID: {5a11ab1e-0001-4a11-8a11-5a11ab1e0001}",
            f"   {language.state}: [{number}] {language.stable if number == 1 else word or 'Failed'}",
            f"   {language.error}: {said}",
            "",
        ]
    return "\n".join(found)


def interface(number: int) -> str:
    """The keys of a primary interface that has a lease, and of one that is not connected."""
    leased = key(
        INTERFACE,
        dword("EnableDHCP", 1),
        ("Domain", "REG_SZ", ""),
        text("NameServer", ""),
        text("DhcpServer", "168.63.129.16"),
        dword("Lease", 0xFFFFFFFF),
        dword("LeaseObtainedTime", EPOCH - 3600),
        dword("LeaseTerminatesTime", 0x7FFFFFFF),
        text("DhcpIPAddress", f"10.20.0.{number}"),
        text("DhcpSubnetMask", "255.255.255.0"),
        ("DhcpDefaultGateway", "REG_MULTI_SZ", "10.20.0.1"),
        ("DhcpInterfaceOptions", "REG_BINARY", OPTIONS),
    )
    idle = key(OTHER_INTERFACE, dword("EnableDHCP", 1), text("DhcpIPAddress", "0.0.0.0"))
    return f"{key(INTERFACE.rpartition(chr(92))[0])}\n{leased}\n{idle}"


def route_table(number: int, language: Language = ENGLISH) -> str:
    """What `route print -4` shows; the headings and the words for the link are translated."""
    row = "{:>17} {:>16} {:>15} {:>15} {:>6}".format
    link, own = language.on_link, f"10.20.0.{number}"
    return "\n".join(
        [
            "===========================================================================",
            "  6...00 0d 3a 11 22 33 ......Microsoft Hyper-V Network Adapter",
            "  1...........................Software Loopback Interface 1",
            "===========================================================================",
            language.routes,
            row("0.0.0.0", "0.0.0.0", "10.20.0.1", own, 10),
            row("10.20.0.0", "255.255.255.0", link, own, 266),
            row(own, "255.255.255.255", link, own, 266),
            row("127.0.0.0", "255.0.0.0", link, "127.0.0.1", 331),
            row("127.0.0.1", "255.255.255.255", link, "127.0.0.1", 331),
            row("168.63.129.16", "255.255.255.255", "10.20.0.1", own, 11),
            row("224.0.0.0", "240.0.0.0", link, "127.0.0.1", 331),
            "===========================================================================",
        ]
    )


def _plain(name: str, number: int, build: str, language: Language) -> dict[str, str]:
    """The parts of the first command."""
    names = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ComputerName"
    actions = ("FailureActions", "REG_BINARY", RESTARTING)
    return {
        "collected": f"clock={CLOCK}",
        "shell": "home=$PSHOME",
        "code-page": language.active_page,
        "version": f"\nMicrosoft Windows [Version {build}]",
        "reg avb-no-such-key": language.not_found,
        "reg administrator": "\nHKEY_USERS\\S-1-5-19\\Environment\nHKEY_USERS\\S-1-5-19\\Software\n",
        "reg computer-name": key(
            rf"{names}\ComputerName", (language.default, "REG_SZ", "mnmsrvc"), text("ComputerName", name)
        ),
        "reg active-name": key(rf"{names}\ActiveComputerName", text("ComputerName", name)),
        "reg RdAgent": service("RdAgent", actions),
        "reg WindowsAzureGuestAgent": service("WindowsAzureGuestAgent", actions),
        "reg IaasVmProvider": service("IaasVmProvider", dword("DelayedAutostart", 0)),
        "reg VSS": service("VSS", start=3),
        "service RdAgent": state("RdAgent", language=language),
        "service WindowsAzureGuestAgent": state("WindowsAzureGuestAgent", language=language),
        "reg interfaces": interface(number),
        "reg persistent-routes": "\n",  # of a key that holds nothing reg.exe prints nothing
        "route-table": route_table(number, language),
        "reg bcdr": key(rf"{SOFTWARE}\BcdrAgent", text("IsProviderInstalled", "True")),
        "reg bcdr-32": language.not_found,
        "reg bcdr-persistent": key(rf"{SOFTWARE}\BcdrAgentPersistentKeys", text("IsCommonProviderInstalled", "True")),
    }


def _quoted(product: str, number: int, language: Language) -> dict[str, str]:
    """The parts of the second command."""
    session = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager"
    missing = (
        "internet-policy",
        "sql",
        "sql-instances",
        "sql-32",
        "sql-instances-32",
    )
    direct = "1800000000000000010000000000000000000000"
    return {
        "reg product": key(rf"{SOFTWARE}\Windows NT\CurrentVersion", text("ProductName", product)),
        "reg guest": key(
            rf"{SOFTWARE}\Virtual Machine\Guest",
            text("GuestAgentVersion", "2.7.41491.1172"),
            text("GuestAgentStatus", "Ready"),
            text("DHCPStatus", "Success"),
        ),
        "reg azure": key(rf"{SOFTWARE}\Windows Azure", text("VmId", f"5a11ab1e-0000-4000-8000-{number:012d}".upper()))
        + f"{SOFTWARE}\\Windows Azure\\GuestAgentUpdateState\n{SOFTWARE}\\Windows Azure\\HandlerState\n",
        "reg handlers": f"{key(HANDLER.rpartition(chr(92))[0])}"
        + key(
            HANDLER,
            text("InstallState", "Enabled"),
            dword("SequenceNumber", 41),
            text("StatusFolder", r"C:\Packages\x"),
        ),
        **{f"reg {name}": language.not_found for name in missing},
        "reg internet-machine": key(
            rf"{SOFTWARE}\Windows\CurrentVersion\Internet Settings", text("User Agent", "Mozilla/4.0")
        ),
        "reg internet-system": key(SYSTEM_INTERNET, dword("ProxyEnable", 0)),
        "reg winhttp": key(CONNECTIONS, ("WinHttpSettings", "REG_BINARY", direct)),
        "reg servicing": key(SERVICING, dword("LastTrustTime", 1)) + f"{SERVICING}\\Packages\n",
        "reg update": key(UPDATES, dword("AUOptions", 3)),
        "reg session-manager": key(
            session, dword("ProtectionMode", 1), ("BootExecute", "REG_MULTI_SZ", "autocheck autochk *")
        )
        + f"\n{session}\\Memory Management\n",
    }


def _told(name: str, number: int, language: Language) -> dict[str, str]:
    """The parts of the third command, PowerShell's."""
    compute = (
        f'{{"vmId":"5a11ab1e-0000-4000-8000-{number:012d}","name":"{name}","location":"westeurope",'
        '"resourceGroupName":"rg-sample","subscriptionId":"5a11ab1e-5a11-4a11-8a11-5a11ab1e0000"}'
    )
    return {
        "powershell": f"version=5.1.20348.2031\nlanguage=FullLanguage\nclock={CLOCK}",
        "cpu": "sample=90000000000 133700000000000000\nsample=90018000000 133700000020000000",
        "memory": "total=8388148\nfree=4200000",
        "aggregate-status": "file=read",
        "handler 1.0.75.0": reported(GOOD),
        "http host 80 168.63.129.16": HOST_ANSWERED,
        "http host 32526 168.63.129.16": HOST_ANSWERED,
        "goal-state": "backup-extension=yes",
        "endpoints": f"origin=goal-state\n{ENDPOINT}",
        "imds": f"compute={compute}",
        f"http storage direct {ENDPOINT}": STORAGE_ANSWERED,
        "vss": writers(language),
    }


def reported(report: Report, *, with_substatus: bool = True) -> str:
    """The handler's part with the extension's newest report; recordings without a revision hold no substatus."""
    told = json.loads(report.text())[0]
    status = told["status"]
    lines = [
        "status=Ready",
        "message=Plugin enabled",
        f"last={status['status']}",
        f"code={status['code']}",
        f"said={status['formattedMessage']['message']}",
        f"time={told['timestampUTC']}",
    ]
    return "\n".join([*lines, *([f"substatus={substatus(report)}"] if with_substatus else [])])


def windows(
    name: str = "sample",
    number: int = 26,
    product: str = "Windows Server 2022 Datacenter",
    build: str = "10.0.20348.2031",
    language: Language = ENGLISH,
) -> WindowsRecording:
    """A healthy Windows guest that is backed up, without SQL Server."""
    parts = {
        **_plain(name, number, build, language),
        **_quoted(product, number, language),
        **_told(name, number, language),
    }
    return WindowsRecording(parts, language)


def german() -> WindowsRecording:
    """A healthy German Windows Server 2019."""
    return windows("sample-de", 31, "Windows Server 2019 Datacenter", "10.0.17763.6532", GERMAN)


def korean() -> WindowsRecording:
    """A healthy Korean Windows Server 2016."""
    return windows("sample-ko", 32, "Windows Server 2016 Datacenter", "10.0.14393.7428", KOREAN)


def japanese() -> WindowsRecording:
    """A healthy Japanese Windows Server 2025."""
    return windows("sample-ja", 33, "Windows Server 2025 Datacenter", "10.0.26100.2314", JAPANESE)


def french() -> WindowsRecording:
    """A healthy French Windows Server 2012 R2: labels of sc.exe are translated there."""
    return windows("sample-fr", 34, "Windows Server 2012 R2 Datacenter", "6.3.9600", FRENCH)


def with_sql(
    guest: WindowsRecording, value: tuple[str, str, str] | None = text("USEVSSCOPYBACKUP", "TRUE")
) -> WindowsRecording:
    """The same with a default instance of SQL Server, and what the extension is told about it."""
    settings = [text("IsProviderInstalled", "True"), *([value] if value else [])]
    found = guest.put(
        "reg sql", key(rf"{SOFTWARE}\Microsoft SQL Server", ("InstalledInstances", "REG_MULTI_SZ", "MSSQLSERVER"))
    )
    names = key(rf"{SOFTWARE}\Microsoft SQL Server\Instance Names\SQL", text("MSSQLSERVER", "MSSQL16.MSSQLSERVER"))
    return found.put("reg sql-instances", names).put("reg bcdr", key(rf"{SOFTWARE}\BcdrAgent", *settings))


def winhttp_blob(proxy: str, exceptions: str = "", flags: int = 3) -> str:
    """WinHttpSettings as hex."""
    texts = b"".join(len(t).to_bytes(4, "little") + t.encode() for t in (proxy, exceptions))
    return ((0x28).to_bytes(4, "little") + bytes(4) + flags.to_bytes(4, "little") + texts).hex()


def with_proxy(
    guest: WindowsRecording,
    server: str = "10.20.0.250:3128",
    override: str = "168.63.129.16;<local>",
    machine: str | None = None,
) -> WindowsRecording:
    """The same with a proxy for LocalSystem and for WinHTTP, through which storage answers."""
    found = guest.put(
        "reg internet-system",
        key(SYSTEM_INTERNET, dword("ProxyEnable", 1), text("ProxyServer", server), text("ProxyOverride", override)),
    )
    blob = winhttp_blob(server if machine is None else machine, override, flags=1 if machine == "" else 3)
    found = found.put("reg winhttp", key(CONNECTIONS, ("WinHttpSettings", "REG_BINARY", blob)))
    return found.put(f"http storage proxy {ENDPOINT}", STORAGE_ANSWERED)


POWERSHELL_PARTS: Final = tuple(_told("", 0, ENGLISH))
"""The headings of what the third command tells."""
