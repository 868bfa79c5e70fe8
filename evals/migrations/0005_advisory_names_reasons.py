"""Runs from before judges had an empty list where there is a mapping now."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Turn empty lists into empty mappings."""

    dependencies = [("evals", "0004_quarantine")]

    operations = [
        migrations.RunSQL(
            "UPDATE evals_evalrun SET advisory = '{}' WHERE jsonb_typeof(advisory) = 'array'",
            migrations.RunSQL.noop,
        )
    ]
