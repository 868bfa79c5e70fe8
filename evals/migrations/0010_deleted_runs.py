"""What deleted runs had paid for goes on being counted."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add their tallies."""

    dependencies = [("evals", "0009_who_cancelled_a_check")]

    operations = [
        migrations.CreateModel(
            name="DeletedRuns",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("status", models.CharField(max_length=10)),
                ("verdict", models.CharField(blank=True, max_length=12)),
                ("runs", models.BigIntegerField(default=0)),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("status", "verdict"), name="deleted_runs_once"
                    )
                ],
            },
        ),
    ]
