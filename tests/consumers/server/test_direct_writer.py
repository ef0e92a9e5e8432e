"""The way past Twisted, straight to the kernel."""

import socket

import pytest

from consumers.server.direct_writer import MAX_KERNEL_UNSENT_BYTES, tune

TCP = socket.IPPROTO_TCP


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this kernel does not know it")
def test_what_is_accepted_is_as_the_socket_that_listens():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        tune(listening)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(TCP, socket.TCP_NODELAY)
                assert accepted.getsockopt(TCP, socket.TCP_NOTSENT_LOWAT) == MAX_KERNEL_UNSENT_BYTES
