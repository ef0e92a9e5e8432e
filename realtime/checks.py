"""System checks of the settings that the guarantees rest on."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"
ENGINE = "realtime.postgresql"


def check_channel_layer(**kwargs: Any) -> list[CheckMessage]:
    """Requires the pub/sub layer for the bell: the core layer receives nothing more after a restart of Redis."""
    backend = settings.CHANNEL_LAYERS.get("default", {}).get("BACKEND")
    if backend == PUBSUB:
        return []
    return [Error(f"The channel layer is {backend}.", hint=f"Use {PUBSUB}.", id="realtime.E001")]


def check_engine(**kwargs: Any) -> list[CheckMessage]:
    """Requires our database wrapper, which writes the events: with another one nothing would be announced."""
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine == ENGINE:
        return []
    return [Error(f"The database engine is {engine}.", hint=f"Use {ENGINE}.", id="realtime.E002")]
