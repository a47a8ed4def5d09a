"""Where a webhook may go. A receiver's name is looked up once, every address that it leads to has to be public, and
the connection is made to the address that was checked: a name that leads elsewhere a moment later (DNS rebinding) gains
nothing. Private, loopback and link-local networks are refused, whichever way the address is written, but for those that
the setting `webhook_networks` allows; plain http is for these alone.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
PORTS = {"https": 443, "http": 80}
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class Refused(ValueError):
    """A receiver that may not be sent to; says why."""


@dataclass(frozen=True)
class Target:
    """A receiver by its address: what is connected to, and what it is called."""

    scheme: str
    host: str
    port: int
    path: str
    address: str


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def networks_of(settings: Settings) -> list[Network]:
    """The networks that are allowed beside public addresses. Raises ValueError."""
    return [ipaddress.ip_network(text.strip()) for text in settings.webhook_networks.split(",") if text.strip()]


def parts_of(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path with query of a URL. Raises Refused."""
    try:
        split = urlsplit(url)
        port = split.port
        host = (split.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise Refused("it is no address of the web") from None
    if split.scheme not in PORTS or not host or port == 0 or not url.isprintable() or " " in url:
        raise Refused("it must be https://HOST/PATH")
    if split.username is not None or split.password is not None:
        raise Refused("it must hold no user name and no password")
    path = (split.path or "/") + (f"?{split.query}" if split.query else "")
    if not path.isascii():
        raise Refused("its path must be ASCII, other characters as %XX")
    return split.scheme, host, port or PORTS[split.scheme], path


def check_url(url: str, networks: Sequence[Network]) -> None:
    """What can be known without a look-up. Raises Refused."""
    scheme, host, _, _ = parts_of(url)
    if scheme == "http" and not networks:
        raise Refused("it must be https")
    try:
        addresses = [ipaddress.ip_address(host)]
    except ValueError:
        if (host == "localhost" or host.endswith(".localhost")) and not networks:
            raise Refused("it leads into this machine") from None
        return
    _check(addresses, scheme, networks)


def find(url: str, networks: Sequence[Network], resolve: Resolver) -> Target:
    """The receiver by the address that is to be connected to. Raises Refused, OSError where the name is not known."""
    scheme, host, port, path = parts_of(url)
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in resolve(host, port)]
    if not addresses:
        raise OSError(f"{host} has no address")
    _check(addresses, scheme, networks)
    return Target(scheme, host, port, path, str(addresses[0]))


def _check(addresses: Sequence[Address], scheme: str, networks: Sequence[Network]) -> None:
    for address in addresses:
        inner = _inner(address)
        is_allowed = any(inner in network for network in networks if network.version == inner.version)
        if not is_allowed and scheme == "http":
            raise Refused("it must be https")
        if not is_allowed and (not _is_public(inner) or not (inner == address or _is_public(address))):
            raise Refused(f"it leads to {address}, which is no public address")


def _is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, whichever way it is wrapped."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
