from django.apps import AppConfig


class BlogConfig(AppConfig):
    name = "blog"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from blog import events, signals
        from blog.events.registry import rights_of
        from realtime import tickets

        events.register()
        signals.connect()
        tickets.register_rights(rights_of)
