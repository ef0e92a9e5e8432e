"""Signing in and out, and passwords."""

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _


class SignIn(views.LoginView):
    """Signs in by name and password. A person who is signed in already is sent on."""

    template_name = "registration/sign_in.html"
    redirect_authenticated_user = True


class SignOut(views.LogoutView):
    """Signs out, by POST only: a link must not be able to."""


class PasswordChange(views.PasswordChangeView):
    """Changes the password of a person who knows the old one. Other sign-ins of the account end."""

    template_name = "registration/password_change.html"
    success_url = reverse_lazy("post_list")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, _("Your password has been changed."))
        return response
