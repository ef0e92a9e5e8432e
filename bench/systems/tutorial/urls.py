"""No pages: only the socket is measured."""

urlpatterns: list[object] = []
