"""A ledger that the repository tells can be written again, as long as no tag stands on another.

An entry that names a commit rests on what that commit says, as an adoption always did. From now on
it may have any kind, so a chain of moves comes back as what it was. The evidence is not asked for
as of a move that is made now: suites, policies and models went on since. In return, no such entry
can be written once the tag is set, so none can move one.
"""

import django.utils.timezone
from django.db import migrations, models

TOLD = """
CREATE FUNCTION registry_event_told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before registry_tagevent;
  earlier registry_tagevent;
BEGIN
  IF EXISTS (SELECT 1 FROM registry_tag WHERE prompt_id = NEW.prompt_id AND name = NEW.tag) THEN
    RAISE EXCEPTION 'what a commit tells cannot move a tag that is set' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.previous_id IS NOT NULL THEN
    SELECT * INTO before FROM registry_tagevent WHERE id = NEW.previous_id;
    IF (before.prompt_id, before.tag, before.sequence + 1)
       IS DISTINCT FROM (NEW.prompt_id, NEW.tag, NEW.sequence) THEN
      RAISE EXCEPTION 'the entry does not follow the one it names' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  IF NEW.version_id IS NOT NULL AND NOT EXISTS
     (SELECT 1 FROM registry_promptversion WHERE id = NEW.version_id AND prompt_id = NEW.prompt_id) THEN
    RAISE EXCEPTION 'the version belongs to another prompt' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.kind = 'promoted' AND NOT EXISTS (
       SELECT 1 FROM registry_certificate c WHERE c.id = NEW.certificate_id
         AND c.prompt_version_id = NEW.version_id AND c.model_version_id = NEW.model_id) THEN
    RAISE EXCEPTION 'the certificate is about something else' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.kind = 'rolled_back' THEN
    SELECT * INTO earlier FROM registry_tagevent WHERE id = NEW.restores_id;
    IF (earlier.prompt_id, earlier.tag, earlier.version_id, earlier.model_id, earlier.weight)
       IS DISTINCT FROM (NEW.prompt_id, NEW.tag, NEW.version_id, NEW.model_id, NEW.weight) THEN
      RAISE EXCEPTION 'a rollback restores an earlier entry of the same tag' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_told BEFORE INSERT ON registry_tagevent
  FOR EACH ROW WHEN (NEW.commit <> '') EXECUTE FUNCTION registry_event_told();

DROP TRIGGER event_evidence ON registry_tagevent;
CREATE TRIGGER event_evidence BEFORE INSERT ON registry_tagevent
  FOR EACH ROW WHEN (NEW.commit = '') EXECUTE FUNCTION registry_event_evidence();
DROP TRIGGER event_evidence_holds ON registry_tagevent;
CREATE TRIGGER event_evidence_holds BEFORE INSERT ON registry_tagevent
  FOR EACH ROW WHEN (NEW.commit = '') EXECUTE FUNCTION registry_event_evidence_holds();
"""

TAG = """
CREATE OR REPLACE FUNCTION registry_tag_follows_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entry registry_tagevent;
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'a tag is cleared by an entry, not deleted' USING ERRCODE = 'restrict_violation';
  END IF;
  SELECT * INTO entry FROM registry_tagevent WHERE id = NEW.event_id;
  IF (entry.prompt_id, entry.tag, entry.sequence)
     IS DISTINCT FROM (NEW.prompt_id, NEW.name::varchar, NEW.revision) THEN
    RAISE EXCEPTION 'the tag must point at its own newest ledger entry' USING ERRCODE = 'check_violation';
  END IF;
  IF (TG_OP = 'INSERT' AND {first})
     OR (TG_OP = 'UPDATE' AND (entry.previous_id IS DISTINCT FROM OLD.event_id
                               OR (OLD.prompt_id, OLD.name) IS DISTINCT FROM (NEW.prompt_id, NEW.name))) THEN
    RAISE EXCEPTION 'a tag steps from one ledger entry to the next' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM pg_notify('assay_tags', json_build_object(
    'prompt', (SELECT name FROM registry_prompt WHERE id = NEW.prompt_id),
    'tag', NEW.name, 'revision', NEW.revision, 'registry_revision', entry.registry_revision)::text);
  RETURN NEW;
END $$;
"""
#: What is wrong with the entry that a new tag begins at: before, and from now on.
ONLY_ONE = "entry.previous_id IS NOT NULL"
NEWEST = (
    "(entry.previous_id IS NOT NULL AND entry.commit = '' "
    "OR EXISTS (SELECT 1 FROM registry_tagevent WHERE previous_id = entry.id))"
)

UNDO = """
DROP TRIGGER event_told ON registry_tagevent;
DROP FUNCTION registry_event_told;
DROP TRIGGER event_evidence ON registry_tagevent;
CREATE TRIGGER event_evidence BEFORE INSERT ON registry_tagevent
  FOR EACH ROW EXECUTE FUNCTION registry_event_evidence();
DROP TRIGGER event_evidence_holds ON registry_tagevent;
CREATE TRIGGER event_evidence_holds BEFORE INSERT ON registry_tagevent
  FOR EACH ROW EXECUTE FUNCTION registry_event_evidence_holds();
"""

EVIDENCE = models.Q(
    models.Q(("kind", "adopted"), ("version__isnull", False), models.Q(("commit", ""), _negated=True)),
    models.Q(("certificate__isnull", False), ("kind", "promoted"), ("model__isnull", False)),
    models.Q(("kind", "rolled_back"), ("restores__isnull", False)),
    models.Q(("kind", "overridden"), ("role", "admin"), models.Q(("reason", ""), _negated=True)),
    models.Q(("kind", "cleared"), ("model", None), ("version", None), models.Q(("tag", "stable"), _negated=True)),
    _connector="OR",
)


class Migration(migrations.Migration):
    """Add the trigger, and let entries that a commit tells past those about moves made now."""

    dependencies = [("registry", "0021_lookup_processes")]
    operations = [
        migrations.AlterField(
            model_name="tagevent",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AlterField(
            model_name="release",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.RemoveConstraint(model_name="tagevent", name="event_has_its_evidence"),
        migrations.AddConstraint(
            model_name="tagevent",
            constraint=models.CheckConstraint(condition=EVIDENCE, name="event_has_its_evidence"),
        ),
        migrations.RunSQL(
            TOLD + TAG.format(first=NEWEST), UNDO + TAG.format(first=ONLY_ONE)
        ),
    ]
