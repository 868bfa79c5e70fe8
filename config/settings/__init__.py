"""Django settings: one for every environment, driven by typed environment readers.

Nothing configured means a private installation on this machine: embedded PostgreSQL and Valkey in
`ASSAY_DATA`, a generated secret, loopback only. `ASSAY_ENV=production` takes nothing for granted
and refuses to start on a default.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.database import database
from config.embedded import locations
from config.settings.evaluation import *
from config.settings.place import DATA_DIR, PRODUCTION
from config.settings.repository import *

# --- Secrets and hosts ---


def _generated_secret() -> str:
    """The installation's own secret, made once and readable by its owner only."""
    path = DATA_DIR / "secret_key"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii")
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"secret_key.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
    with contextlib.suppress(FileExistsError):  # whoever links first wins; both read the same
        path.hardlink_to(draft)
    draft.unlink()
    return path.read_text(encoding="ascii")


DEBUG = env.boolean("ASSAY_DEBUG", default=False)
SECRET_KEY = env.secret("ASSAY_SECRET_KEY")
ALLOWED_HOSTS = list(env.words("ASSAY_ALLOWED_HOSTS"))
PUBLIC_URL = env.text("ASSAY_PUBLIC_URL")

if PRODUCTION:
    if len(SECRET_KEY) < 32:
        raise ImproperlyConfigured(
            "ASSAY_SECRET_KEY (or ASSAY_SECRET_KEY_FILE) must hold at least 32 characters"
        )
    if len(set(SECRET_KEY)) < 5 or SECRET_KEY.startswith("django-insecure-"):
        raise ImproperlyConfigured("ASSAY_SECRET_KEY is not random; every session hangs on it")
    if DEBUG:
        raise ImproperlyConfigured("ASSAY_DEBUG must be off in production")
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("ASSAY_ALLOWED_HOSTS must name the hosts Assay answers for")
else:
    SECRET_KEY = SECRET_KEY or _generated_secret()
    ALLOWED_HOSTS = ALLOWED_HOSTS or ["127.0.0.1", "localhost", "[::1]", "testserver"]

CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.failures.csrf_failed"
SECURE_SSL_REDIRECT = env.boolean("ASSAY_SSL_REDIRECT", default=PRODUCTION)
# Probes and Prometheus ask over plain HTTP inside the cluster; a redirect counts as an answer.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.integer(
    "ASSAY_HSTS_SECONDS", 31_536_000 if PRODUCTION else 0, low=0, high=63_072_000
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if env.boolean("ASSAY_BEHIND_TLS_PROXY", default=False)
    else None
)


# --- Applications ---

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "registry",
    "evals",
    "webui",
]
MIDDLEWARE = [
    "config.middleware.content_security_policy",
    "config.metrics.count_lookups",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.plain_addresses",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.CompressedPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.middleware.Refusals",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


# --- Database ---

DATABASES = {"default": database(env.secret("DATABASE_URL", locations.database_url(DATA_DIR)))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# --- People ---

AUTH_USER_MODEL = "registry.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_AGE = 14 * 24 * 3600
# A name and address pair waits after ten failures; a name alone does not, or anybody could lock
# anybody out.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "webui.access.locked_out"
AXES_VERBOSE = False
# It would keep the address of every sign-in, and that of a one-time link is its secret.
AXES_DISABLE_ACCESS_LOG = True


# --- REST ---

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "registry.api.authentication.TokenAuthentication",
        "registry.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["registry.api.authentication.HasScope"],
    # No browsable API: two of DRF's advisories were in it.
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["registry.api.parsers.JsonParser"],
    # OPTIONS would describe views to people; openapi.json does that.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PAGINATION_CLASS": "registry.api.pagination.CursorPage",
    "DEFAULT_SCHEMA_CLASS": "registry.api.schema.ProblemSchema",
    "EXCEPTION_HANDLER": "registry.api.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Assay",
    "DESCRIPTION": "Prompts as code: look them up, evaluate them, move their tags with evidence.",
    "VERSION": "v1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "COMPONENT_SPLIT_REQUEST": True,
}


# --- Work ---

CELERY_BROKER_URL = env.secret("BROKER_URL", locations.broker_url(DATA_DIR))
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

# --- The stream listener ---

# Clients that one process holds; more are turned away for a while.
STREAM_CLIENTS = env.integer("ASSAY_STREAM_CLIENTS", 5000, low=1, high=50_000)
# A client hears something at least so often, or the connection is gone.
STREAM_HEARTBEAT_SECONDS = env.integer("ASSAY_STREAM_HEARTBEAT_SECONDS", 15, low=1, high=300)
# Where the web listener says the stream is, when both are reached without a proxy that routes by
# path. 0: at the same address.
STREAM_PORT = env.integer("ASSAY_STREAM_PORT", 0, low=0, high=65_535)
# Where the pages are then: only they may read the stream in a browser (CORS). 0: only those of
# ASSAY_PUBLIC_URL.
WEB_PORT = env.integer("ASSAY_WEB_PORT", 0, low=0, high=65_535)


# --- Metrics ---

# What Prometheus shows to read /metrics; API tokens with the scope `read` may as well.
METRICS_TOKEN = env.secret("ASSAY_METRICS_TOKEN")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:
    raise ImproperlyConfigured("ASSAY_METRICS_TOKEN must hold at least 16 characters")
# Each web process counts in a file of its own there. prometheus_client reads the variable when it
# is imported first, which is after these settings.
COUNTS_FOLDER = locations.counts_folder(DATA_DIR)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(COUNTS_FOLDER)


# --- Static files, time, logs ---

STATIC_URL = "static/"
# Collected for production; locally the files are found where they lie.
STATIC_ROOT = Path(env.text("ASSAY_STATIC", str(DATA_DIR / "static"))) if PRODUCTION else None
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "filters": {"links": {"()": "config.logs.HideLinks"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["links"]}
    },
    "root": {"handlers": ["stderr"], "level": env.text("ASSAY_LOG_LEVEL", "INFO")},
    "loggers": {"axes": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
}
