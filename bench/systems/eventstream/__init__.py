"""django-eventstream as its README sets it up: one process, one channel."""
