"""sd_notify(3): tells the parent process, systemd or `live`, what state this one is in."""

import os
import socket


def notify(state: str) -> None:
    """Sends a state such as READY=1 to NOTIFY_SOCKET; does nothing where that is unset, or its reader is gone."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notification:
        try:
            notification.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return
