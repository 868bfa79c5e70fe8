"""The rules a CHECK cannot say, kept by the database itself.

They hold for every path that reaches PostgreSQL, a shell included: published versions and ledger
entries cannot be edited or deleted, evidence must be about what it is used for, and a tag can only
step to the entry that follows the one it points at.
"""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION registry_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER version_is_immutable BEFORE UPDATE OR DELETE ON registry_promptversion
  FOR EACH ROW EXECUTE FUNCTION registry_refuse_change();
CREATE TRIGGER event_is_immutable BEFORE UPDATE OR DELETE ON registry_tagevent
  FOR EACH ROW EXECUTE FUNCTION registry_refuse_change();
CREATE TRIGGER release_is_immutable BEFORE UPDATE OR DELETE ON registry_release
  FOR EACH ROW EXECUTE FUNCTION registry_refuse_change();

CREATE FUNCTION registry_certificate_only_expires() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR OLD.expired_at IS NOT NULL
     OR (to_jsonb(OLD) - '{expired_at,expired_reason}'::text[])
        IS DISTINCT FROM (to_jsonb(NEW) - '{expired_at,expired_reason}'::text[]) THEN
    RAISE EXCEPTION 'a certificate can only expire, once' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER certificate_only_expires BEFORE UPDATE OR DELETE ON registry_certificate
  FOR EACH ROW EXECUTE FUNCTION registry_certificate_only_expires();

CREATE FUNCTION registry_pin_keeps_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.name, OLD.digest) IS DISTINCT FROM (NEW.name, NEW.digest) THEN
    RAISE EXCEPTION 'a model version keeps its identity' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER pin_keeps_identity BEFORE UPDATE ON registry_modelversion
  FOR EACH ROW EXECUTE FUNCTION registry_pin_keeps_identity();
"""

EVIDENCE = """
CREATE FUNCTION registry_event_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before registry_tagevent;
  proof registry_certificate;
  earlier registry_tagevent;
BEGIN
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
  IF NEW.kind = 'promoted' AND NEW.certificate_id IS NOT NULL THEN
    SELECT * INTO proof FROM registry_certificate WHERE id = NEW.certificate_id FOR SHARE;
    IF proof.prompt_version_id IS DISTINCT FROM NEW.version_id
       OR proof.model_version_id IS DISTINCT FROM NEW.model_id THEN
      RAISE EXCEPTION 'the certificate is about something else' USING ERRCODE = 'check_violation';
    END IF;
    IF proof.expired_at IS NOT NULL OR proof.valid_until < now()
       OR proof.fingerprint <> (SELECT fingerprint FROM registry_modelversion WHERE id = NEW.model_id) THEN
      RAISE EXCEPTION 'the certificate has expired' USING ERRCODE = 'check_violation';
    END IF;
    IF proof.policy IS DISTINCT FROM COALESCE(
         CASE WHEN NEW.tag = 'stable' THEN
           (SELECT NULLIF(gate, '') FROM registry_prompt WHERE id = NEW.prompt_id) END,
         (SELECT name FROM registry_gatepolicy WHERE NEW.tag = ANY(tags) ORDER BY name LIMIT 1)) THEN
      RAISE EXCEPTION 'the certificate was issued under a policy that does not guard this tag'
        USING ERRCODE = 'check_violation';
    END IF;
    IF proof.suite_digest <> (SELECT suite_digest FROM registry_prompt WHERE id = NEW.prompt_id)
       OR NOT EXISTS (SELECT 1 FROM registry_gatepolicy
                      WHERE name = proof.policy AND digest = proof.policy_digest) THEN
      RAISE EXCEPTION 'the certificate proves another suite or policy' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  IF NEW.kind = 'rolled_back' AND NEW.restores_id IS NOT NULL THEN
    SELECT * INTO earlier FROM registry_tagevent WHERE id = NEW.restores_id;
    IF (earlier.prompt_id, earlier.tag, earlier.version_id, earlier.model_id, earlier.weight)
       IS DISTINCT FROM (NEW.prompt_id, NEW.tag, NEW.version_id, NEW.model_id, NEW.weight) THEN
      RAISE EXCEPTION 'a rollback restores an earlier entry of the same tag' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_evidence BEFORE INSERT ON registry_tagevent
  FOR EACH ROW EXECUTE FUNCTION registry_event_evidence();

CREATE FUNCTION registry_tag_follows_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
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
  IF (TG_OP = 'INSERT' AND entry.previous_id IS NOT NULL)
     OR (TG_OP = 'UPDATE' AND (entry.previous_id IS DISTINCT FROM OLD.event_id
                               OR (OLD.prompt_id, OLD.name) IS DISTINCT FROM (NEW.prompt_id, NEW.name))) THEN
    RAISE EXCEPTION 'a tag steps from one ledger entry to the next' USING ERRCODE = 'check_violation';
  END IF;
  PERFORM pg_notify('assay_tags', json_build_object(
    'prompt', (SELECT name FROM registry_prompt WHERE id = NEW.prompt_id),
    'tag', NEW.name, 'revision', NEW.revision, 'registry_revision', entry.registry_revision)::text);
  RETURN NEW;
END $$;
CREATE TRIGGER tag_follows_ledger BEFORE INSERT OR UPDATE OR DELETE ON registry_tag
  FOR EACH ROW EXECUTE FUNCTION registry_tag_follows_ledger();
"""

UNDO = """
DROP TRIGGER tag_follows_ledger ON registry_tag;
DROP FUNCTION registry_tag_follows_ledger;
DROP TRIGGER event_evidence ON registry_tagevent;
DROP FUNCTION registry_event_evidence;
DROP TRIGGER pin_keeps_identity ON registry_modelversion;
DROP FUNCTION registry_pin_keeps_identity;
DROP TRIGGER certificate_only_expires ON registry_certificate;
DROP FUNCTION registry_certificate_only_expires;
DROP TRIGGER release_is_immutable ON registry_release;
DROP TRIGGER event_is_immutable ON registry_tagevent;
DROP TRIGGER version_is_immutable ON registry_promptversion;
DROP FUNCTION registry_refuse_change;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunSQL(IMMUTABLE + EVIDENCE, UNDO)]
