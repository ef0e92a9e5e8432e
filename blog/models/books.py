"""Books and what hangs on them: authors, tags, editions."""

import unicodedata

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from realtime.live.announced import Announced


def unicode_slug(text: str) -> str:
    """A slug that keeps Hangul, composed (NFC) so that one name has one spelling."""
    return unicodedata.normalize("NFC", slugify(unicodedata.normalize("NFC", text), allow_unicode=True))[:90]


class Author(Announced):
    """A name in a byline; it may belong to an account, it need not."""

    name = models.CharField(_("name"), max_length=100)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="byline",
        verbose_name=_("account"),
    )

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("author")
        verbose_name_plural = _("authors")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("author_detail", args=[self.pk])


class Tag(Announced):
    """A subject. Its slug is its address in topics and links, so it never changes."""

    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("slug"), max_length=90, unique=True, allow_unicode=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.CheckConstraint(condition=~models.Q(slug=""), name="tag_has_a_slug")]
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("tag_detail", args=[self.slug])

    def save(self, *args, **kwargs) -> None:
        if self._state.adding:
            self.slug = unicode_slug(self.slug or self.name)
        else:
            self.slug = type(self).objects.values_list("slug", flat=True).get(pk=self.pk)
        super().save(*args, **kwargs)


class Book(Announced):
    """Posts bound together as chapters, by authors, in editions."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")
        WITHDRAWN = "withdrawn", _("withdrawn")

    title = models.CharField(_("title"), max_length=200)
    slug = models.SlugField(_("slug"), max_length=90, unique=True, allow_unicode=True, blank=True)
    cover = models.FileField(_("cover"), upload_to="covers", blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PUBLISHED)
    withdrawn = models.DateTimeField(_("withdrawn"), null=True, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    authors = models.ManyToManyField(Author, through="Authorship", related_name="books", verbose_name=_("authors"))

    class Meta:
        ordering = ["title", "pk"]
        verbose_name = _("book")
        verbose_name_plural = _("books")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("book_detail", args=[self.pk])

    def save(self, *args, **kwargs) -> None:
        if not self.slug:
            self.slug = self._free_slug()
        if self.state != self.State.WITHDRAWN:
            self.withdrawn = None
        elif self.withdrawn is None:
            self.withdrawn = timezone.now()
        super().save(*args, **kwargs)

    def _free_slug(self) -> str:
        base = unicode_slug(self.title) or "book"
        taken = set(Book.objects.filter(slug__startswith=base).values_list("slug", flat=True))
        candidates = (base if n == 1 else f"{base}-{n}" for n in range(1, len(taken) + 2))
        return next(slug for slug in candidates if slug not in taken)


def last_place() -> int:
    """Where an author stands whose place nobody set: after all who have one."""
    return 1000


class Authorship(Announced):
    """An author of a book: as what, since when, and in which place they are named."""

    author = models.ForeignKey(Author, models.CASCADE, verbose_name=_("author"))
    book = models.ForeignKey(Book, models.CASCADE, verbose_name=_("book"))
    contribution = models.CharField(_("contribution"), max_length=100, blank=True, default="")
    date_joined = models.DateField(_("date joined"), default=timezone.localdate)
    order = models.PositiveIntegerField(_("order"), default=last_place)

    class Meta:
        ordering = ["order", "pk"]
        constraints = [models.UniqueConstraint(fields=["book", "author"], name="authorship_once")]
        verbose_name = _("authorship")
        verbose_name_plural = _("authorships")

    def __str__(self) -> str:
        return f"{self.author} · {self.book}"


class Edition(Announced):
    """One built EPUB of a book. The newest is on the shelf."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="editions", verbose_name=_("book"))
    number = models.PositiveIntegerField(_("number"))
    file = models.FileField(_("file"), upload_to="editions", max_length=200)
    built = models.DateTimeField(_("built"), default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["book", "number"], name="edition_once")]
        verbose_name = _("edition")
        verbose_name_plural = _("editions")

    def __str__(self) -> str:
        return f"{self.book} · {self.number}"
