"""Who may do what has a history of its own, which nobody edits."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0022_ledger_comes_back'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('token_made', 'token made'), ('token_ended', 'token ended'), ('person_invited', 'person invited'), ('person_changed', 'person changed'), ('password_reset', 'password reset')], max_length=20)),
                ('subject', models.CharField(max_length=200)),
                ('actor', models.CharField(max_length=200)),
                ('told', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('actor', ''), _negated=True), models.Q(('subject', ''), _negated=True)), name='access_event_names_both')],
            },
        ),
        migrations.RunSQL(
            'CREATE TRIGGER access_event_is_immutable BEFORE UPDATE OR DELETE ON registry_accessevent '
            'FOR EACH ROW EXECUTE FUNCTION registry_refuse_change()',
            'DROP TRIGGER access_event_is_immutable ON registry_accessevent',
        ),
    ]
