"""Books, and the pages of authors and tags."""

import unicodedata
from typing import Any

from django.db.models import F
from django.db.models.functions import Collate
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from blog import permissions
from blog.models import Author, Book, Post, Tag
from blog.paging import page_of
from blog.permissions import DESK, EDIT, WRITE, needs
from blog.state import author_states, book_states, post_states, tag_states
from blog.tasks import build_epub
from blog.views.errors import gone
from blog.views.transactions import flash_on_commit, retry_on_deadlock
from realtime import log
from realtime.jobs import state_machine

# by code point, as open pages sort the books that arrive, whatever the collation of the database
BY_TITLE = (Collate("title", "C"), "pk")
SHOWN_JOBS = 10  # of a book, newest first


@require_safe
def book_list(request: HttpRequest) -> HttpResponse:
    """Lists the public books, by title."""
    books = book_states(Book.objects.filter(state=Book.State.PUBLISHED).order_by(*BY_TITLE))
    return render(request, "blog/book_list.html", {"books": books, "total": len(books)})


@require_safe
def book_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows a book: its authors, its chapters in order, its newest edition."""
    row: Any = get_object_or_404(Book.objects.annotate(announced=log.version_of("book")), pk=pk)
    if row.state == Book.State.WITHDRAWN:
        return gone(request, row, row.announced)
    if not permissions.may_read_book(request.user, row):
        raise Http404("There is no such book.")
    at_desk = DESK in permissions.rights(request.user)
    chapters = Post.objects.public().filter(book=pk).order_by(F("chapter").asc(nulls_last=True), "pk")
    context = {
        "book": book_states(Book.objects.filter(pk=row.pk))[0],
        "chapters": post_states(chapters),
        "jobs": state_machine.newest(SHOWN_JOBS, about=f"book.{pk}") if at_desk else [],
        "can_build": at_desk,
    }
    return render(request, "blog/book_detail.html", context)


@require_POST
@needs(WRITE, EDIT)
@retry_on_deadlock
def book_build(request: HttpRequest, pk: int) -> HttpResponse:
    """Enqueues the job that builds a new edition, unless one is under way."""
    book = get_object_or_404(Book.objects.select_for_update(no_key=True), pk=pk, state=Book.State.PUBLISHED)
    about = f"book.{book.pk}"
    if state_machine.under_way(build_epub, about):
        flash_on_commit(request, _("An edition is being built already."))
    else:
        state_machine.enqueue(build_epub, book.pk, about=about, by=request.user.pk)
        flash_on_commit(request, _("A new edition is being built."))
    return redirect(book)


@require_safe
def author_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows an author: posts, newest first, and books."""
    authors = author_states(Author.objects.filter(pk=pk))
    if not authors:
        raise Http404("There is no such author.")
    books = Book.objects.filter(state=Book.State.PUBLISHED, authorship__author=pk).order_by(*BY_TITLE)
    page = page_of(request, Post.objects.public().filter(byline=pk))
    context = {**vars(page), "author": authors[0], "books": book_states(books)}
    return render(request, "blog/author_detail.html", context)


@require_safe
def tag_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the posts with a tag, newest first."""
    if "\0" in slug:
        raise Http404("There is no such tag.")  # PostgreSQL has no such text
    tags = tag_states(Tag.objects.filter(slug=unicodedata.normalize("NFC", slug)))
    if not tags:
        raise Http404("There is no such tag.")
    page = page_of(request, Post.objects.public().filter(tags__slug=tags[0].slug))
    return render(request, "blog/tag_detail.html", {**vars(page), "tag": tags[0]})
