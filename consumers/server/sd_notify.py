"""Tells whoever started this process how it is: sd_notify(3), which systemd and `live` both read."""

import os
import socket


def notify(state: str) -> None:
    """Sends READY=1 or STOPPING=1 to NOTIFY_SOCKET; nothing where nobody asked, or who asked is gone."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        try:
            door.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return
