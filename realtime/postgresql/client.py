"""psql for `manage.py dbshell`: told where the server listens, also where that is a unix socket in a URL's query."""

from typing import Any

from django.core.management.base import CommandError
from django.db.backends.postgresql import client

from realtime.embedded import psql
from realtime.embedded.supervisor import Failed

# POSTGRES_URL may say these behind its `?`; psycopg2 reads them from OPTIONS, Django's own client does not
IN_OPTIONS = ("host", "port", "user", "password")


class DatabaseClient(client.DatabaseClient):
    """Django's client of PostgreSQL, with the psql that realtime.embedded.psql finds."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Any
    ) -> tuple[list[str], dict[str, str] | None]:
        options = settings_dict["OPTIONS"]
        told = {name.upper(): options[name] for name in IN_OPTIONS if options.get(name)}
        [_, *arguments], environment = super().settings_to_cmd_args_env({**settings_dict, **told}, parameters)
        return [psql.find_psql(), *arguments], environment

    def runshell(self, parameters: Any) -> None:
        """Opens psql; raises OperationalError, as any other command does, where no server answers."""
        self.connection.ensure_connection()
        self.connection.close()
        try:
            super().runshell(parameters)
        except Failed as failure:
            raise CommandError(str(failure)) from failure
