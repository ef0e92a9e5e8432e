from django.db import models
from django.utils.translation import gettext_lazy as _

from realtime.live.announced import Announced


class Publication(Announced):
    """The publication itself: one row, whose key is publication.1."""

    title = models.CharField(_("title"), max_length=100, default="Stop Press")
    standfirst = models.CharField(_("standfirst"), max_length=300, blank=True, default="")
    summary = models.TextField(_("what you need to know"), blank=True, default="")
    zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    language = models.CharField(_("language"), max_length=8, default="en")
    hold = models.PositiveSmallIntegerField(_("hold, seconds"), default=0)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="publication_is_one")]
        verbose_name = _("publication")
        verbose_name_plural = _("publication")

    def __str__(self) -> str:
        return self.title

    def save(self, *args, **kwargs) -> None:
        self.pk = 1
        super().save(*args, **kwargs)
