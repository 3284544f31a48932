"""Refuses every connection but to loopback, in this process and all Python processes below it."""

import ipaddress
import sys

_CHECKED = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine."""


def _is_local(host: object) -> bool:
    if host is None or host in ("", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(event: str, args: tuple) -> None:
    if event not in _CHECKED:
        return
    if event in ("socket.connect", "socket.sendto"):
        address = args[-1]
        if isinstance(address, str | bytes):  # a Unix socket
            return
        host = address[0]
    else:
        host = args[0]
    if not _is_local(host):
        raise NetworkRefused(f"{event} to {host!r}: tests may only talk to loopback")


sys.addaudithook(_refuse)
