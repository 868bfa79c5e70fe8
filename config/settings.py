"""Django settings: one file for every environment, driven by typed environment readers.

Nothing configured means a private installation on this machine: embedded PostgreSQL and Valkey in
`ASSAY_DATA`, a generated secret, loopback only. `ASSAY_ENV=production` takes nothing for granted
and refuses to start on a default.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.database import database
from config.embedded import locations

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("ASSAY_DATA", ".assay")).expanduser().resolve()
PRODUCTION = env.choice("ASSAY_ENV", "local", ("local", "production")) == "production"


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


# --- The prompt repository ---

REPOSITORY_URL = env.text("ASSAY_REPOSITORY", str(DATA_DIR / "prompts"))
REPOSITORY_REF = env.text("ASSAY_REPOSITORY_REF", "main")
# `file` lets a repository on this machine be mirrored; in production it must be asked for.
REPOSITORY_PROTOCOLS = env.words(
    "ASSAY_REPOSITORY_PROTOCOLS", ("https", "ssh") if PRODUCTION else ("https", "ssh", "file")
)
REPOSITORY_POLL_SECONDS = env.integer("ASSAY_REPOSITORY_POLL_SECONDS", 60, low=5, high=86_400)
# Called inside the sync transaction: evaluation follows the repository without the registry
# knowing it.
REPOSITORY_FOLLOWERS = ["evals.follow.follow_repository"]

# What Git hosts sign their webhooks with. A host without a secret is not listened to.
HOOK_SECRETS = {
    "github": env.secret("ASSAY_HOOK_SECRET_GITHUB"),
    "gitlab": env.secret("ASSAY_HOOK_SECRET_GITLAB"),
    "git": env.secret("ASSAY_HOOK_SECRET_GIT"),
}
if any(0 < len(secret) < 16 for secret in HOOK_SECRETS.values()):
    raise ImproperlyConfigured("each ASSAY_HOOK_SECRET_… must hold at least 16 characters")

# The Git host that shows statuses and comments, and is asked about pull requests; empty: none.
GIT_HOST = env.choice("ASSAY_GIT_HOST", "", ("", "github", "gitlab"))
GIT_HOST_URL = env.address("ASSAY_GIT_HOST_URL") or {
    "github": "https://api.github.com",
    "gitlab": "https://gitlab.com/api/v4",
}.get(GIT_HOST, "")
# `owner/name`, or a path of groups; at GitLab also a project's number.
GIT_HOST_PROJECT = env.text("ASSAY_GIT_HOST_PROJECT")
GIT_HOST_TOKEN = env.secret("ASSAY_GIT_HOST_TOKEN")
if GIT_HOST and not (GIT_HOST_TOKEN and re.fullmatch(r"[\w.-]+(/[\w.-]+)*", GIT_HOST_PROJECT)):
    raise ImproperlyConfigured(
        "ASSAY_GIT_HOST needs ASSAY_GIT_HOST_TOKEN, and ASSAY_GIT_HOST_PROJECT such as owner/name"
    )
# Called for pull requests that the host rang about.
PROPOSAL_FOLLOWER = "evals.commit_checks.follow_proposals"

# Moves of tags are written back to that branch when this is on; the account that fetches must be
# allowed to push then.
WRITE_BACK = env.boolean("ASSAY_WRITE_BACK", default=False)
WRITE_BACK_AUTHOR = env.person("ASSAY_WRITE_BACK_AUTHOR", "Assay <assay@localhost>")
# Who is told by signed webhooks: (name, URL, secret) of ASSAY_WEBHOOK_<NAME>_URL and _SECRET. Only
# public addresses are sent to, and those of the networks that are allowed.
WEBHOOKS = env.webhooks()
WEBHOOK_ALLOW = env.networks("ASSAY_WEBHOOK_ALLOW")

# How often messages for the outside are looked for, and after how long those of a silent worker
# are given to another: longer than a fetch and a push may take.
OUTBOX_SWEEP_SECONDS = env.integer("ASSAY_OUTBOX_SWEEP_SECONDS", 2, low=1, high=600)
OUTBOX_LEASE_SECONDS = env.integer("ASSAY_OUTBOX_LEASE_SECONDS", 300, low=2, high=3600)


# --- Evaluation ---

EVAL_LEASE_SECONDS = env.integer("ASSAY_EVAL_LEASE_SECONDS", 60, low=2, high=3600)
EVAL_SWEEP_SECONDS = env.integer("ASSAY_EVAL_SWEEP_SECONDS", 5, low=1, high=600)

# Checks of proposed commits that go on beside each other, and the prompts one of them evaluates.
CHECKS_AT_ONCE = env.integer("ASSAY_CHECKS_AT_ONCE", 2, low=1, high=100)
# A maintainer sets it on a pull request from a fork to let its newest commit be evaluated.
CHECK_LABEL = env.text("ASSAY_CHECK_LABEL", "assay: evaluate")
CHECK_PROMPTS = env.integer("ASSAY_CHECK_PROMPTS", 20, low=1, high=1000)

# How long answers are kept to be used again, and how much of them.
KEPT_ANSWERS_DAYS = env.integer("ASSAY_KEPT_ANSWERS_DAYS", 30, low=0, high=3650)
KEPT_ANSWERS_MB = env.integer("ASSAY_KEPT_ANSWERS_MB", 1000, low=0, high=1_000_000)

# How often each model's server is asked what it serves, and how often its fingerprint is measured
# then (0: only by runs).
MODEL_PROBE_SECONDS = env.integer("ASSAY_MODEL_PROBE_SECONDS", 300, low=10, high=86_400)
MODEL_FINGERPRINT_SECONDS = env.integer(
    "ASSAY_MODEL_FINGERPRINT_SECONDS", 3600, low=0, high=2_592_000
)

# Addresses and keys of models.yaml's `base_url_env`, read once here; a prompt repository can name
# only variables of this shape, so it cannot fish for other secrets.
MODEL_ENDPOINTS = env.matching(r"ASSAY_MODEL_[A-Z0-9_]+_URL")
MODEL_KEYS = env.matching(r"ASSAY_MODEL_[A-Z0-9_]+_KEY")
# Where all models answer, whatever their pins say: for servers that live as long as one check.
EVERY_MODEL_URL = env.text("ASSAY_EVERY_MODEL_URL")
EVERY_MODEL_KEY = env.secret("ASSAY_EVERY_MODEL_KEY")


# --- Langfuse ---

# Finished runs are exported to it when these are set; LANGFUSE_HOST is its older name.
LANGFUSE_BASE_URL = env.address("LANGFUSE_BASE_URL") or env.address("LANGFUSE_HOST")
LANGFUSE_PUBLIC_KEY = env.secret("LANGFUSE_PUBLIC_KEY")
LANGFUSE_SECRET_KEY = env.secret("LANGFUSE_SECRET_KEY")
if len({bool(LANGFUSE_BASE_URL), bool(LANGFUSE_PUBLIC_KEY), bool(LANGFUSE_SECRET_KEY)}) > 1:
    # Without an address the SDK would send prompts to somebody else's cloud.
    raise ImproperlyConfigured(
        "LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY belong together"
    )
# Traces that clients of our Langfuse interface send are passed on to it when these are set.
LANGFUSE_FORWARD_URL = env.address("LANGFUSE_FORWARD_URL")
LANGFUSE_FORWARD_PUBLIC_KEY = env.secret("LANGFUSE_FORWARD_PUBLIC_KEY")
LANGFUSE_FORWARD_SECRET_KEY = env.secret("LANGFUSE_FORWARD_SECRET_KEY")
if (
    len(
        {
            bool(LANGFUSE_FORWARD_URL),
            bool(LANGFUSE_FORWARD_PUBLIC_KEY),
            bool(LANGFUSE_FORWARD_SECRET_KEY),
        }
    )
    > 1
):
    raise ImproperlyConfigured(
        "LANGFUSE_FORWARD_URL, LANGFUSE_FORWARD_PUBLIC_KEY and LANGFUSE_FORWARD_SECRET_KEY belong "
        "together"
    )
# Seconds: the patience with one request, and with a whole run.
LANGFUSE_TIMEOUT = env.integer("LANGFUSE_TIMEOUT", 5, low=1, high=60)
LANGFUSE_EXPORT_SECONDS = env.integer("ASSAY_LANGFUSE_EXPORT_SECONDS", 120, low=1, high=1500)
# All that the exporting process sees: ways out of this network, and whom to trust there.
LANGFUSE_ENVIRONMENT = {
    **env.matching(r"(?i:https?|all|no)_(?i:proxy)"),
    **env.matching(r"SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|OTEL_EXPORTER_OTLP_CERTIFICATE"),
    **env.matching(r"LANGFUSE_(TRACING_ENVIRONMENT|RELEASE)"),
    "LC_ALL": "C.UTF-8",
    # An answer that looks like a picture is still text.
    "LANGFUSE_MEDIA_UPLOAD_ENABLED": "false",
}


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
