"""Jobs in the admin: to look up, to cancel, and to send again. Their rows are written by the state machine alone."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from realtime.jobs import state_machine
from realtime.models import Task


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no argument at run time
    """Shows all jobs. `view_task` is the right to see them, `change_task` the right to cancel and to send again."""

    list_display = ("name", "state", "percent", "step", "about", "by", "attempts", "queued", "finished", "error")
    list_filter = ("state", "name", "queued")
    search_fields = ("id", "name", "about", "error")
    date_hierarchy = "queued"
    actions = ("cancel_selected", "retry_selected")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuses: enqueue() writes rows, with their message."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuses: a row that a form rewrote would say what no worker did."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuses: rows of jobs that ended go after TASK_DAYS (realtime/retention.py)."""
        return False

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """Returns whether the person may cancel jobs and send them again."""
        return request.user.has_perm("realtime.change_task")

    @admin.action(description=_("Cancel selected jobs"), permissions=["steer"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Cancels those of the jobs that have not ended."""
        count = _move(request, queryset, state_machine.cancel, _("%(count)d of the jobs had ended already."))
        text = ngettext("%(count)d job was cancelled.", "%(count)d jobs were cancelled.", count)
        messages.success(request, text % {"count": count})

    @admin.action(description=_("Try selected jobs again"), permissions=["steer"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Task]) -> None:
        """Sends those of the jobs that failed to a worker again."""
        count = _move(request, queryset, state_machine.try_again, _("%(count)d of the jobs had not failed."))
        text = ngettext("%(count)d job is tried again.", "%(count)d jobs are tried again.", count)
        messages.success(request, text % {"count": count})


def _move(request: HttpRequest, jobs: QuerySet[Task], step: Callable[..., int], refused: Any) -> int:
    """Takes a step with each job that may take it; returns how many did, and says how many did not."""
    ids = [str(pk) for pk in jobs.values_list("pk", flat=True)]
    count = step(*ids)
    if count < len(ids):
        messages.warning(request, refused % {"count": len(ids) - count})
    return count
