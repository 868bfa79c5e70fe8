"""Checks of proposed commits, and the versions they propose."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('evals', '0007_judges_are_measured'),
        ('registry', '0011_received_hooks'),
    ]

    operations = [
        migrations.CreateModel(
            name='CheckedPrompt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prompt', models.CharField(max_length=200)),
                ('number', models.PositiveIntegerField(blank=True, null=True)),
                ('verdict', models.CharField(blank=True, max_length=12)),
                ('reasons', models.JSONField(default=list)),
            ],
            options={
                'ordering': ['prompt'],
            },
        ),
        migrations.CreateModel(
            name='CommitCheck',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('head', models.CharField(max_length=64)),
                ('base', models.CharField(max_length=64)),
                ('fork', models.CharField(blank=True, max_length=64)),
                ('model', models.CharField(blank=True, max_length=100)),
                ('pull_request', models.PositiveIntegerField(blank=True, null=True)),
                ('title', models.CharField(blank=True, max_length=300)),
                ('is_held', models.BooleanField(default=False)),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done')], default='queued', max_length=10)),
                ('verdict', models.CharField(blank=True, max_length=12)),
                ('sentences', models.JSONField(default=list)),
                ('is_cancelled', models.BooleanField(default=False)),
                ('change', models.JSONField(default=dict)),
                ('report_markdown', models.TextField(blank=True)),
                ('comment_markdown', models.TextField(blank=True)),
                ('owner', models.CharField(blank=True, max_length=100)),
                ('leased_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('told', models.CharField(blank=True, max_length=100)),
                ('told_at', models.DateTimeField(blank=True, null=True)),
                ('requested_by', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('prepared_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='ProposedVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prompt_name', models.CharField(max_length=200)),
                ('number', models.PositiveIntegerField()),
                ('digest', models.CharField(max_length=64)),
                ('commit', models.CharField(max_length=64)),
                ('path', models.CharField(max_length=1000)),
                ('content', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['prompt_name', '-number', '-id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='evalrun',
            name='run_pass_has_its_certificate',
        ),
        migrations.AlterField(
            model_name='evalrun',
            name='kind',
            field=models.CharField(choices=[('gate', 'Gate'), ('self', 'Self'), ('check', 'Check')], default='gate', max_length=10),
        ),
        migrations.AlterField(
            model_name='evalrun',
            name='version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='registry.promptversion'),
        ),
        migrations.AddField(
            model_name='checkedprompt',
            name='run',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='checked', to='evals.evalrun'),
        ),
        migrations.AddIndex(
            model_name='commitcheck',
            index=models.Index(fields=['-created_at', '-id'], name='check_newest_first'),
        ),
        migrations.AddIndex(
            model_name='commitcheck',
            index=models.Index(condition=models.Q(('status__in', ['queued', 'running'])), fields=['created_at'], name='check_to_work_on'),
        ),
        migrations.AddIndex(
            model_name='commitcheck',
            index=models.Index(fields=['pull_request', '-created_at'], name='check_of_pull_request'),
        ),
        migrations.AddConstraint(
            model_name='commitcheck',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'done'), ('verdict__in', ('PASS', 'FAIL', 'INCONCLUSIVE', 'ERROR'))), models.Q(models.Q(('status', 'done'), _negated=True), ('verdict', '')), _connector='OR'), name='check_verdict_when_done'),
        ),
        migrations.AddConstraint(
            model_name='commitcheck',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['queued', 'running'])), fields=('head', 'base', 'model', 'is_held'), name='check_once_at_a_time'),
        ),
        migrations.AddField(
            model_name='checkedprompt',
            name='commit_check',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prompts', to='evals.commitcheck'),
        ),
        migrations.AddConstraint(
            model_name='proposedversion',
            constraint=models.UniqueConstraint(fields=('prompt_name', 'number', 'digest'), name='proposed_content_once'),
        ),
        migrations.AddField(
            model_name='evalrun',
            name='proposed',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='evals.proposedversion'),
        ),
        migrations.AddConstraint(
            model_name='evalrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('verdict', 'PASS'), _negated=True), ('certificate__isnull', False), ('kind', 'check'), _connector='OR'), name='run_pass_has_its_certificate'),
        ),
        migrations.AddConstraint(
            model_name='evalrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('certificate', None), ('kind', 'check'), ('proposed__isnull', False), ('version', None)), models.Q(models.Q(('kind', 'check'), _negated=True), ('proposed', None), ('version__isnull', False)), _connector='OR'), name='run_measures_one_version'),
        ),
        migrations.AddConstraint(
            model_name='checkedprompt',
            constraint=models.UniqueConstraint(fields=('commit_check', 'prompt'), name='checked_prompt_once'),
        ),
        migrations.AddConstraint(
            model_name='checkedprompt',
            constraint=models.CheckConstraint(condition=models.Q(('run', None), ('verdict', ''), _connector='OR'), name='checked_prompt_says_it_once'),
        ),
    ]
