"""The prompt repository, the host it lies at, and who is told what happens."""

from __future__ import annotations

import re

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.settings.place import DATA_DIR, PRODUCTION

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
# Instead of a token: a GitHub App, by its id or client id, and its private key, whose lines may be
# written with \n. It gets its tokens itself.
GIT_HOST_APP = env.text("ASSAY_GIT_HOST_APP")
GIT_HOST_APP_KEY = env.secret("ASSAY_GIT_HOST_APP_KEY").replace("\\n", "\n")
if GIT_HOST and not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", GIT_HOST_PROJECT):
    raise ImproperlyConfigured("ASSAY_GIT_HOST needs ASSAY_GIT_HOST_PROJECT such as owner/name")
if GIT_HOST and bool(GIT_HOST_TOKEN) == bool(GIT_HOST_APP):
    raise ImproperlyConfigured("ASSAY_GIT_HOST needs ASSAY_GIT_HOST_TOKEN or ASSAY_GIT_HOST_APP")
if GIT_HOST_APP and GIT_HOST != "github":
    raise ImproperlyConfigured("ASSAY_GIT_HOST_APP is an App of GitHub: ASSAY_GIT_HOST=github")
if GIT_HOST_APP and "PRIVATE KEY-----" not in GIT_HOST_APP_KEY:
    raise ImproperlyConfigured(
        "ASSAY_GIT_HOST_APP needs ASSAY_GIT_HOST_APP_KEY (or _FILE), its private key in PEM"
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
