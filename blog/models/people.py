from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """An account. Empty, but ours from the first migration: swapping later breaks its history."""
