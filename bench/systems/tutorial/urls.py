"""The tutorial's pages, of which there are none here: only the socket is measured."""

urlpatterns: list[object] = []
