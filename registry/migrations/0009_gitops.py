"""What the outbox passes on, and what passes between the ledger and the repository."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0006_outcomes'),
    ]

    operations = [
        migrations.CreateModel(
            name='OutboxDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=60)),
                ('subject', models.CharField(blank=True, max_length=320)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_at', models.DateTimeField()),
                ('claim', models.UUIDField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='TagRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prompt', models.CharField(max_length=200)),
                ('tag', models.CharField(max_length=100)),
                ('version', models.PositiveIntegerField(blank=True, null=True)),
                ('model', models.CharField(blank=True, max_length=100)),
                ('weight', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('commit', models.CharField(max_length=64)),
                ('author', models.CharField(max_length=320)),
                ('commit_subject', models.CharField(blank=True, max_length=500)),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('granted', 'Granted'), ('refused', 'Refused')], default='waiting', max_length=10)),
                ('code', models.CharField(blank=True, max_length=60)),
                ('message', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='WriteBack',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('commit', models.CharField(max_length=64, unique=True)),
                ('base', models.CharField(max_length=64)),
                ('moves', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='outboxmessage',
            name='routed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='outboxmessage',
            name='subject',
            field=models.CharField(blank=True, max_length=320),
        ),
        migrations.AlterField(
            model_name='certificate',
            name='issued_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AlterField(
            model_name='mirroralarm',
            name='kind',
            field=models.CharField(choices=[('unreachable', 'Unreachable'), ('branch_missing', 'Branch Missing'), ('history_rewritten', 'History Rewritten'), ('version_edited', 'Version Edited'), ('version_removed', 'Version Removed'), ('prompt_removed', 'Prompt Removed'), ('repository_empty', 'Repository Empty'), ('refused', 'Refused'), ('tags_differ', 'Tags Differ'), ('write_back', 'Write Back')], max_length=20),
        ),
        migrations.AddIndex(
            model_name='outboxmessage',
            index=models.Index(condition=models.Q(('routed_at', None)), fields=['id'], name='outbox_unrouted'),
        ),
        migrations.AddField(
            model_name='outboxdelivery',
            name='message',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='registry.outboxmessage'),
        ),
        migrations.AddIndex(
            model_name='tagrequest',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['id'], name='request_waiting'),
        ),
        migrations.AddConstraint(
            model_name='tagrequest',
            constraint=models.UniqueConstraint(fields=('commit', 'prompt', 'tag'), name='request_once'),
        ),
        migrations.AddConstraint(
            model_name='tagrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('status', 'waiting')), models.Q(models.Q(('status', 'waiting'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='request_is_decided_once'),
        ),
        migrations.AddIndex(
            model_name='outboxdelivery',
            index=models.Index(condition=models.Q(('dead_at', None), ('delivered_at', None)), fields=['channel', 'subject', 'id'], name='delivery_waiting'),
        ),
        migrations.AddConstraint(
            model_name='outboxdelivery',
            constraint=models.UniqueConstraint(fields=('message', 'channel'), name='delivery_once_a_channel'),
        ),
        migrations.AddConstraint(
            model_name='outboxdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('delivered_at', None), ('dead_at', None), _connector='OR'), name='delivery_ends_one_way'),
        ),
    ]
