"""Suites say whether only proposals had them. Those from before say no, and stay."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the mark."""

    dependencies = [("evals", "0010_deleted_runs")]

    operations = [
        migrations.AddField(
            model_name="suite",
            name="is_proposed",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
