"""A tag that is adopted with a certificate, as after a rebuild, carries one about itself.

A trigger of its own, beside those of 0002 and 0004. Whether the model still is what was certified
cannot be asked here: nobody has measured it yet, and the first measurement ends the certificate if
it is not.
"""

from django.db import migrations

ADOPTED = """
CREATE FUNCTION registry_event_adopted_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.kind = 'adopted' AND NEW.certificate_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM registry_certificate c
       WHERE c.id = NEW.certificate_id AND c.prompt_version_id = NEW.version_id
         AND c.model_version_id = NEW.model_id AND c.expired_at IS NULL) THEN
    RAISE EXCEPTION 'the certificate is about something else, or has expired'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_adopted_evidence BEFORE INSERT ON registry_tagevent
  FOR EACH ROW EXECUTE FUNCTION registry_event_adopted_evidence();
"""

UNDO = """
DROP TRIGGER event_adopted_evidence ON registry_tagevent;
DROP FUNCTION registry_event_adopted_evidence;
"""


class Migration(migrations.Migration):
    """Add the trigger."""

    dependencies = [("registry", "0009_gitops")]
    operations = [migrations.RunSQL(ADOPTED, UNDO)]
