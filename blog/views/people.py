"""Signing in and out, and passwords."""

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _


class SignIn(views.LoginView):
    """Name and password. Who is signed in already goes on to where they were going."""

    template_name = "registration/sign_in.html"
    redirect_authenticated_user = True


class SignOut(views.LogoutView):
    """By POST only: a link must not be able to sign anyone out."""


class PasswordChange(views.PasswordChangeView):
    """A new password, for who knows the old one. Other sign-ins of the account end."""

    template_name = "registration/password_change.html"
    success_url = reverse_lazy("post_list")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, _("Your password has been changed."))
        return response
