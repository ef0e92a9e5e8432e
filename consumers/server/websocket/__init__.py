"""RFC 6455, and what runs an ASGI application on it."""
