"""Webhooks that were received, so that each counts once."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0010_adopted_with_its_certificate'),
    ]

    operations = [
        migrations.CreateModel(
            name='HookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=20)),
                ('delivery', models.CharField(max_length=255)),
                ('content', models.CharField(max_length=64)),
                ('received_at', models.DateTimeField(auto_now_add=True, db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('host', 'delivery'), name='hook_delivery_once'), models.UniqueConstraint(fields=('host', 'content'), name='hook_content_once')],
            },
        ),
    ]
