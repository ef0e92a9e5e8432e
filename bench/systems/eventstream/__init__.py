"""django-eventstream as its README begins: one process, one channel."""
