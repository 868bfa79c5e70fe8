"""The dashboard's routes."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.urls import path

from webui import access, overview

_login = auth.LoginView.as_view(
    template_name="webui/login.html",
    http_method_names=["get", "head", "post"],
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("login/", _login, name="login"),
    path("logout/", auth.LogoutView.as_view(http_method_names=["post"]), name="logout"),
    path("welcome/<str:secret>/", access.welcome, name="welcome"),
    path("account/password/", access.set_password, name="set-password"),
]
