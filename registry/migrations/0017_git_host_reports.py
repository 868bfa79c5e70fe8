"""What the Git host should show beside a commit."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0016_descriptions_are_served'),
    ]

    operations = [
        migrations.CreateModel(
            name='HostReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('commit', models.CharField(max_length=64)),
                ('context', models.CharField(max_length=100)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('passed', 'Passed'), ('failed', 'Failed'), ('undecided', 'Undecided'), ('broken', 'Broken'), ('cancelled', 'Cancelled')], max_length=10)),
                ('title', models.CharField(max_length=300)),
                ('summary', models.TextField(blank=True)),
                ('address', models.CharField(blank=True, max_length=1000)),
                ('findings', models.JSONField(default=list)),
                ('pull_request', models.PositiveIntegerField(blank=True, null=True)),
                ('comment', models.TextField(blank=True)),
                ('revision', models.PositiveIntegerField(default=1)),
                ('shown', models.PositiveIntegerField(default=0)),
                ('check_run', models.CharField(blank=True, max_length=40)),
                ('findings_shown', models.PositiveIntegerField(default=0)),
                ('comment_id', models.CharField(blank=True, max_length=40)),
                ('comment_shown', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['pull_request'], name='host_report_of_pull_request')],
                'constraints': [models.UniqueConstraint(fields=('commit', 'context'), name='host_report_once')],
            },
        ),
    ]
