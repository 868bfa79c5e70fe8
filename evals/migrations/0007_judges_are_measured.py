"""Trials and runs say what served the judges. Trials from before say nothing: they are made anew."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the fingerprints."""

    dependencies = [("evals", "0006_answer_keys")]

    operations = [
        migrations.AddField(
            model_name="judgetrial",
            name="fingerprint",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="evalrun",
            name="judge_models",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()), default=list
            ),
        ),
    ]
