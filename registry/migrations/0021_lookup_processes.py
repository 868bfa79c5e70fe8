"""Processes that answer lookups say which revision they have."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0020_mirror_basis'),
    ]

    operations = [
        migrations.CreateModel(
            name='LookupProcess',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('listener', models.CharField(max_length=10)),
                ('host', models.CharField(max_length=255)),
                ('pid', models.PositiveIntegerField()),
                ('incarnation', models.CharField(max_length=20)),
                ('revision', models.BigIntegerField()),
                ('heard_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['listener', 'host', 'pid'],
            },
        ),
        # Nothing of it is worth a write to the log: who is there says so again.
        migrations.RunSQL(
            'ALTER TABLE registry_lookupprocess SET UNLOGGED',
            'ALTER TABLE registry_lookupprocess SET LOGGED',
        ),
    ]
