"""A sync can build on what the last one found."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0019_host_report_rounds'),
    ]

    operations = [
        migrations.AddField(
            model_name='mirrorstate',
            name='basis',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
    ]
