"""Guests, and the places that they have been to."""

from django.db import models

from realtime.live import Announced


class Place(Announced):
    """Somewhere to have been."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Guest(Announced):
    """A person who has signed the book."""

    name = models.CharField(max_length=100)
    places = models.ManyToManyField(Place, through="Visit", related_name="guests")

    def __str__(self) -> str:
        return self.name


class Visit(Announced):
    """That a guest has been to a place."""

    guest = models.ForeignKey(Guest, models.CASCADE)
    place = models.ForeignKey(Place, models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["guest", "place"], name="visit_once")]

    def __str__(self) -> str:
        return f"{self.guest} · {self.place}"
