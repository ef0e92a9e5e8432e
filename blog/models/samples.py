"""Models that suggest tags."""

import os

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _


class ModelSample(models.Model):
    """A tag suggester, trained on the publication's own posts of a span of days. A file of data, never code."""

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        ON_PRODUCT = "on_product", _("on product")

    path = models.FileField(_("path"), upload_to=os.path.join("learner", "model_sample_files"), max_length=200)
    num_of_inference = models.PositiveIntegerField(_("number of inferences"), default=0)
    used_cols = ArrayField(models.CharField(max_length=20), size=11, verbose_name=_("used columns"))
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.PENDING)
    start_date = models.DateTimeField(_("start date"))
    end_date = models.DateTimeField(_("end date"))

    class Meta:
        ordering = ("start_date", "end_date")
        verbose_name = "ModelSample"
        verbose_name_plural = "ModelSamples"

    def __str__(self) -> str:
        return str(self.path).split("/")[-1]

    def count_inference(self) -> None:
        """Counts one use. In the database, so that no two at once make one."""
        type(self).objects.filter(pk=self.pk).update(num_of_inference=F("num_of_inference") + 1)
