"""A prompt's description is part of what clients of other registries are answered from memory."""

from django.db import migrations

_CREATE = """
CREATE OR REPLACE FUNCTION registry_note_described() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM registry_note_prompts((SELECT array_agg(fresh.id) FROM fresh JOIN gone USING (id)
    WHERE ({fresh}) IS DISTINCT FROM ({gone})));
  RETURN NULL;
END $$;
"""
NOW = _CREATE.format(
    fresh="fresh.name, fresh.orphaned, fresh.description",
    gone="gone.name, gone.orphaned, gone.description",
)
BEFORE = _CREATE.format(fresh="fresh.name, fresh.orphaned", gone="gone.name, gone.orphaned")


class Migration(migrations.Migration):
    dependencies = [("registry", "0011_received_hooks")]
    operations = [migrations.RunSQL(NOW, BEFORE)]
