"""Checks say who cancelled them. Those from before say nobody, and start again as they did."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the name."""

    dependencies = [("evals", "0008_commit_checks")]

    operations = [
        migrations.AddField(
            model_name="commitcheck",
            name="cancelled_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
    ]
