"""What begins again at the Git host has another check run."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0018_incarnation'),
    ]

    operations = [
        migrations.AddField(
            model_name='hostreport',
            name='round',
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
    ]
