"""The dashboard's routes."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.urls import path

from webui import access, overview

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("login/", auth.LoginView.as_view(template_name="webui/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("welcome/<str:secret>/", access.welcome, name="welcome"),
    path("account/password/", access.set_password, name="set-password"),
]
