"""Posts and their published versions."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from blog.models.books import Author, Book, Tag
from blog.text import markdown
from realtime.live.announced import Announced, AnnouncedQuerySet


class PostQuerySet(AnnouncedQuerySet):
    def public(self) -> "PostQuerySet":
        """What everyone may read. A date alone publishes nothing: state does."""
        return self.filter(state=Post.State.PUBLISHED)

    def newest_first(self) -> "PostQuerySet":
        return self.order_by("-published_date", "-pk")

    def due(self) -> "PostQuerySet":
        return self.filter(state=Post.State.SCHEDULED, published_date__lte=timezone.now())


class Post(Announced):
    """Something written. Public means `state = published`."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("submitted")
        SCHEDULED = "scheduled", _("scheduled")
        PUBLISHED = "published", _("published")
        WITHDRAWN = "withdrawn", _("withdrawn")

    title = models.CharField(_("title"), max_length=200)
    text = models.TextField(_("text"), max_length=markdown.MAX_TEXT_LENGTH)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="posts", verbose_name=_("account"), editable=False
    )
    byline = models.ForeignKey(
        Author, models.SET_NULL, null=True, blank=True, related_name="posts", verbose_name=_("byline")
    )
    published_date = models.DateTimeField(_("published"), null=True, blank=True)
    book = models.ForeignKey(
        Book, models.SET_NULL, null=True, blank=True, related_name="chapters", verbose_name=_("book")
    )
    chapter = models.PositiveIntegerField(_("chapter"), null=True, blank=True)
    tags = models.ManyToManyField(Tag, through="Tagging", blank=True, related_name="posts", verbose_name=_("tags"))
    liked_by = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Like", blank=True, related_name="liked", verbose_name=_("liked by")
    )
    pinned = models.BooleanField(_("pinned"), default=False)
    key_event = models.BooleanField(_("key event"), default=False)
    urgent = models.BooleanField(_("urgent"), default=False)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.DRAFT)
    withdrawn = models.DateTimeField(_("withdrawn"), null=True, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    source = models.CharField(_("source"), max_length=300, null=True, blank=True, unique=True, editable=False)
    source_digest = models.CharField(_("source digest"), max_length=64, blank=True, default="", editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    objects = PostQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-published_date", "-pk"]
        indexes = [
            models.Index("state", models.F("published_date").desc(), name="post_by_date"),
            models.Index(fields=["book", "chapter"], name="post_by_chapter"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="published") | models.Q(published_date__isnull=False),
                name="published_has_a_date",
                violation_error_message=_("What is published has a date."),
            )
        ]
        permissions = [("publish_post", "Can publish posts"), ("edit_any_post", "Can edit posts of others")]
        verbose_name = _("post")
        verbose_name_plural = _("posts")

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("post_detail", args=[self.pk])

    @property
    def is_public(self) -> bool:
        return self.state == self.State.PUBLISHED

    def save(self, *args, **kwargs) -> None:
        if self.byline_id is None and self._state.adding:
            name = self.author.get_full_name() or self.author.get_username()
            self.byline, _made = Author.objects.get_or_create(user=self.author, defaults={"name": name})
        self._date()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        self._date()

    def _date(self) -> None:
        """Lists and their pages go by the date of what is public; a tombstone tells when."""
        if self.is_public and self.published_date is None:
            self.published_date = timezone.now()
        if self.state != self.State.WITHDRAWN:
            self.withdrawn = None
        elif self.withdrawn is None:
            self.withdrawn = timezone.now()

    def publish(self) -> None:
        """Makes it public, dated now unless it has a date in the past. Also restores what was withdrawn."""
        if self.published_date is not None and self.published_date > timezone.now():
            self.published_date = None
        self.state, self.reason = self.State.PUBLISHED, ""
        self.save()

    def withdraw(self, reason: str = "") -> None:
        """Takes it from every page. The text stays with its author, for a restore."""
        self.state, self.reason = self.State.WITHDRAWN, reason
        self.save()


class Tagging(Announced):
    """That a post has a tag.

    Ours, and not the table Django would make by itself, because the rows of that one come and go
    without a signal when they are written directly or with their tag.
    """

    post = models.ForeignKey(Post, models.CASCADE, verbose_name=_("post"))
    tag = models.ForeignKey(Tag, models.CASCADE, verbose_name=_("tag"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "tag"], name="tagging_once")]
        verbose_name = _("tagging")
        verbose_name_plural = _("taggings")

    def __str__(self) -> str:
        return f"{self.post} · {self.tag}"


class Like(Announced):
    """That somebody likes a post. Ours for the same reason."""

    post = models.ForeignKey(Post, models.CASCADE, verbose_name=_("post"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("user"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "user"], name="like_once")]
        verbose_name = _("like")
        verbose_name_plural = _("likes")

    def __str__(self) -> str:
        return f"{self.user} · {self.post}"


class Revision(models.Model):
    """A published version of a post: what it said, who changed it, when."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="revisions", verbose_name=_("post"))
    title = models.CharField(_("title"), max_length=200)
    text = models.TextField(_("text"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, verbose_name=_("by"))
    time = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")

    def __str__(self) -> str:
        return f"{self.post} · {self.time:%Y-%m-%d %H:%M}"
