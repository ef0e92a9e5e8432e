"""`manage.py edge`: one server process, for pages and live connections or for either."""

import resource
import socket
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from consumers.server.edge import BACKLOG, serve
from consumers.server.roles import Role, serving


class Command(BaseCommand):
    help = "Serves the publication's pages and its live connections in one process, until SIGTERM or Ctrl-C."
    requires_system_checks = ()  # `migrate` has run them; a process that is started again is up at once

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="the address to listen on (HOST)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="the port to listen on (PORT)")
        parser.add_argument("--fd", type=int, help="a socket that listens already, inherited from who starts this")
        half = parser.add_mutually_exclusive_group()
        for option, role in ("--only-live", Role.LIVE), ("--no-live", Role.WEB):
            half.add_argument(
                option, dest="role", action="store_const", const=role, default=Role.ALL, help=f"serve {role.value}"
            )

    def handle(self, *args: Any, host: str, port: int, fd: int | None, role: Role, **options: Any) -> None:
        if not settings.SECRET_KEY_LASTS:
            raise CommandError("SECRET_KEY is not set: nobody could stay signed in. Set it to a long random text.")
        _open_many_files()
        application, live = serving(get_default_application(), role), role is not Role.WEB
        if fd is None:
            self.stdout.write(f"Serving {role.value} on http://{host}:{port}/")
            failure = serve(application, host=host, port=port, live=live)
        else:
            _lengthen(fd)
            failure = serve(application, fd=fd, live=live)
        if failure:
            raise CommandError(failure)


def _open_many_files() -> None:
    """As many as this process may: a shell asks for 1024 at first, and each reader is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _lengthen(fd: int) -> None:
    """The backlog belongs to listen(), which whoever made the socket may have called with less."""
    try:
        with socket.socket(fileno=socket.dup(fd)) as listening:
            listening.listen(BACKLOG)
    except OSError as error:
        raise CommandError(f"File descriptor {fd} is not a socket that can listen: {error}") from error
