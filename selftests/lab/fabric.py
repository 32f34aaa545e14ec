"""The Azure side of the lab: networks, DHCP, DNS, host address, storage, proxies, and what may stand in the way.

Four network namespaces beside the guests': the runner's (where the product runs), `fabric` (gateway,
DHCP, DNS, host address), `internet` (storage, interceptor, portal) and `proxy`.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

import msgspec

from selftests.lab import bases, extension, keys, places, wire
from selftests.lab.places import RUN

KEY: Final = base64.b64encode(b"lab0001-lab0001-lab0001-lab0001-lab0001").decode()
"""The storage account's key, of azurite in the lab only."""
# What stands in a guest's way: sets of addresses, of which a fault makes its guest a member.
_RULES: Final = """
table inet lab {
  SETS
  chain translate { type nat hook prerouting priority dstnat;
    ip saddr @intercepted ip daddr STORAGE tcp dport 443 dnat ip to INTERCEPTOR
    ip saddr @captive ip daddr STORAGE tcp dport 443 dnat ip to PORTAL
    ip saddr @dns_refused meta l4proto { tcp, udp } th dport 53 dnat ip to HOST:5353
    ip saddr @dns_lies meta l4proto { tcp, udp } th dport 53 dnat ip to HOST:5354
    ip saddr @plugin_strange ip daddr HOST tcp dport 32526 dnat ip to IMDS:80
  }
  chain forward { type filter hook forward priority filter;
    ip saddr @tcp_reset tcp dport 443 reject with tcp reset
    ip saddr @prohibited tcp dport 443 reject with icmpx admin-prohibited
    ip saddr @dropped tcp dport 443 drop
    ip saddr @dropped_after_connect tcp dport 443 ct state established ct original packets > 2 drop
    ip saddr @proxy_only ip daddr STORAGE drop
  }
  chain input { type filter hook input priority filter;
    ip saddr @dns_dropped meta l4proto { tcp, udp } th dport 53 drop
    ip saddr @host_dropped ip daddr HOST tcp dport { 80, 32526 } drop
    ip saddr @plugin_dropped ip daddr HOST tcp dport 32526 drop
  }
}
"""
OBSTACLES: Final = (
    *("intercepted", "captive", "dns_refused", "dns_lies", "dns_dropped", "tcp_reset", "prohibited", "dropped"),
    *("dropped_after_connect", "proxy_only", "host_dropped", "plugin_dropped", "plugin_strange"),
)
_DNSMASQ: Final = """
port=53
listen-address=GATEWAY,HOST
bind-interfaces
no-resolv
no-hosts
user=root
log-dhcp
dhcp-authoritative
dhcp-ignore-names
dhcp-ignore=tag:silent
dhcp-range=PREFIX.1.1,PREFIX.9.250,255.255.0.0,12h
dhcp-option=option:router,GATEWAY
dhcp-option=option:dns-server,HOST
dhcp-option=option:classless-static-route,0.0.0.0/0,GATEWAY,HOST/32,GATEWAY,IMDS/32,GATEWAY
dhcp-option-force=tag:right,245,a8:3f:81:10
dhcp-option-force=tag:wrong,245,0a:4d:00:63
address=/blob.core.windows.net/STORAGE
"""
_TINYPROXY: Final = (
    "Port PORT\nListen PROXY\nTimeout 20\nMaxClients 100\nAllow PREFIX.0.0/16\nConnectPort 443\nDisableViaHeader Yes\n"
)


def fill(text: str, **more: str) -> str:
    """`text` with the lab's addresses put in for their names."""
    names = {"HOST": places.HOST_ADDRESS, "IMDS": places.IMDS, "PREFIX": places.PREFIX, "GATEWAY": places.GATEWAY}
    names |= {name: getattr(places, name) for name in ("STORAGE", "INTERCEPTOR", "PORTAL", "PROXY")}
    for name, value in {**more, **names}.items():
        text = text.replace(name, value)
    return text


def ip(*commands: str) -> None:
    """`ip` commands, the first that fails ends them."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)


def start_in(namespace: str, command: Sequence[str | Path], log: str) -> None:
    """A server in a namespace; it ends with the lab."""
    output: IO[bytes] = (RUN / f"{log}.log").open("ab")
    subprocess.Popen(
        ["ip", "netns", "exec", namespace, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=places.ROOT,
    )


class Fabric:
    """The running Azure side."""

    def __init__(self, leases: Iterable[str]) -> None:
        """Starts everything; `leases` are dnsmasq's `dhcp-host` values."""
        self.orders: dict[str, wire.Orders] = {}
        self.default = wire.Orders()
        self.writing = threading.Lock()
        RUN.mkdir(exist_ok=True)
        _settle()
        _networks()
        sets = "\n".join(f"set {name} {{ type ipv4_addr; }}" for name in OBSTACLES)
        self._nft(fill(_RULES.replace("SETS", sets)))
        self._names(leases)
        self._storage()
        self._servers()
        self.default = wire.Orders(status_blob=extension.publish(KEY, str(places.KEYS / "ca.pem")))

    def _nft(self, rules: str) -> None:
        subprocess.run(["ip", "netns", "exec", "fabric", "nft", "-f", "-"], input=rules, text=True, check=True)

    def obstruct(self, obstacle: str, address: str, *, on: bool = True) -> None:
        """Puts an obstacle in a guest's way, or takes it away."""
        self._nft(f"{'add' if on else 'delete'} element inet lab {obstacle} {{ {address} }}")

    def order(self, address: str, orders: wire.Orders) -> None:
        """What the platform asks of a guest from now on."""
        with self.writing:
            self.orders[address] = orders if orders.issued else replace(orders, issued=time.time())
            unfinished = RUN / "orders.new"
            unfinished.write_bytes(msgspec.json.encode(self.orders))
            unfinished.rename(RUN / "orders.json")

    def _names(self, leases: Iterable[str]) -> None:
        """Dnsmasq three times: the real one, one that refuses every question, one that lies."""
        common = fill("listen-address=HOST\nbind-interfaces\nno-resolv\nno-hosts\nuser=root\n")
        hosts = "".join(f"dhcp-host={lease}\n" for lease in leases)
        configurations = {
            "dnsmasq": fill(_DNSMASQ) + hosts + f"dhcp-leasefile={RUN}/leases\n",
            "dnsmasq-refuses": f"{common}port=5353\n",
            "dnsmasq-lies": f"{common}port=5354\naddress=/#/{places.HIJACKER}\n",
        }
        for name, text in configurations.items():
            (RUN / f"{name}.conf").write_text(text)
            start_in(
                "fabric",
                ["dnsmasq", "--keep-in-foreground", f"--conf-file={RUN}/{name}.conf", f"--pid-file={RUN}/{name}.pid"],
                name,
            )

    def _storage(self) -> None:
        chain, key = keys.issue(RUN, "storage")
        azurite = bases.make_azurite(lambda line: None)
        os.environ["AZURITE_ACCOUNTS"] = f"{places.ACCOUNT}:{KEY}"
        command: list[str | Path] = [
            azurite / "node_modules/.bin/azurite-blob",
            "--blobHost",
            places.STORAGE,
            "--blobPort",
            "443",
        ]
        options: list[str | Path] = ["--location", RUN / "azurite", "--cert", chain, "--key", key]
        start_in("internet", [*command, *options, "--skipApiVersionCheck", "--disableTelemetry", "--loose"], "azurite")

    def _servers(self) -> None:
        python = [sys.executable, "-m"]
        (RUN / "orders.json").write_text("{}")
        start_in("fabric", [*python, "selftests.lab.wire_server", RUN / "orders.json", RUN / "wire.log"], "wire_server")
        trusted, other = keys.issue(RUN, "portal"), keys.issue(RUN, "interceptor", "other-ca")
        portal = [*python, "selftests.lab.web_server"]
        start_in("internet", [*portal, places.PORTAL, *trusted], "portal")
        start_in("internet", [*portal, places.INTERCEPTOR, *other], "interceptor")
        start_in("fabric", [*portal, places.HIJACKER, *trusted], "hijacker")
        for port, more in ((places.PROXY_PORT, ""), (places.PROXY_PASSWORD_PORT, "BasicAuth labuser labpassword\n")):
            (RUN / f"tinyproxy-{port}.conf").write_text(fill(_TINYPROXY, PORT=str(port)) + more)
            start_in("proxy", ["tinyproxy", "-d", "-c", RUN / f"tinyproxy-{port}.conf"], f"tinyproxy-{port}")
        for address, port in (
            (places.HOST_ADDRESS, 80),
            (places.STORAGE, 443),
            (places.PORTAL, 443),
            (places.INTERCEPTOR, 443),
        ):
            wait_for_port(address, port)


def wait_for_port(address: str, port: int, seconds: float = 20) -> None:
    """Until somebody listens there."""
    latest = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        if time.monotonic() > latest:
            raise RuntimeError(f"nobody listens on {address}:{port}, see {RUN}")
        time.sleep(0.05)


def _settle() -> None:
    """Gives this process the lab's resolver, and takes the machine's proxies away."""
    (RUN / "resolv.conf").write_text(f"nameserver {places.HOST_ADDRESS}\n")
    subprocess.run(["mount", "--bind", RUN / "resolv.conf", Path("/etc/resolv.conf").resolve()], check=True)
    for name in [
        n
        for n in os.environ
        if n.lower().endswith("_proxy") or n in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
    ]:
        del os.environ[name]


def _networks() -> None:
    ip("link add lab0 type bridge", f"addr add {places.RUNNER}/16 dev lab0", "link set lab0 up")
    for name in ("fabric", "proxy"):
        ip(
            f"netns add {name}",
            f"link add v-{name} type veth peer name eth0 netns {name}",
            f"link set v-{name} master lab0 up",
        )
    ip("netns add internet", "link add eth1 netns fabric type veth peer name eth0 netns internet")
    inside = {
        "fabric": [
            *(f"addr add {a}/16 dev eth0" for a in (places.GATEWAY, places.HIJACKER)),
            *(f"addr add {a}/32 dev lo" for a in (places.HOST_ADDRESS, places.IMDS)),
            *("addr add 100.64.0.1/24 dev eth1", "link set eth1 up", "link set eth0 up"),
        ],
        "proxy": [
            f"addr add {places.PROXY}/16 dev eth0",
            "link set eth0 up",
            f"route add default via {places.GATEWAY}",
        ],
        "internet": [
            *(f"addr add {a}/24 dev eth0" for a in (places.STORAGE, places.INTERCEPTOR, places.PORTAL)),
            *("link set eth0 up", "route add default via 100.64.0.1"),
        ],
    }
    for name, commands in inside.items():
        subprocess.run(
            ["ip", "-n", name, "-batch", "-"], input="\n".join(["link set lo up", *commands]), text=True, check=True
        )
    subprocess.run(["ip", "netns", "exec", "fabric", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)
    ip(f"route add default via {places.GATEWAY}")
