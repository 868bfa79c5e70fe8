"""Evaluation: runs, checks of proposed commits, models, and Langfuse for who follows them there."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from config import env
from registry.tokenizing import hub_folder

EVAL_LEASE_SECONDS = env.integer("ASSAY_EVAL_LEASE_SECONDS", 60, low=2, high=3600)
EVAL_SWEEP_SECONDS = env.integer("ASSAY_EVAL_SWEEP_SECONDS", 5, low=1, high=600)

# Checks of proposed commits that go on beside each other, and the prompts one of them evaluates.
CHECKS_AT_ONCE = env.integer("ASSAY_CHECKS_AT_ONCE", 2, low=1, high=100)
# A maintainer sets it on a pull request from a fork to let its newest commit be evaluated.
CHECK_LABEL = env.text("ASSAY_CHECK_LABEL", "assay: evaluate")
# How long checks are kept after they ended, with what they measured.
CHECKS_DAYS = env.integer("ASSAY_CHECKS_DAYS", 90, low=1, high=3650)
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

# Where tokenizers lie: <model>/tokenizer.json in the one, commits of the hub in the other. Models
# without one there have their servers count tokens.
TOKENIZERS_FOLDER = env.folder("ASSAY_TOKENIZERS")
HUB_CACHE = hub_folder(os.environ)


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
