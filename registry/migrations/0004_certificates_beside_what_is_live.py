"""A certificate is evidence beside what is live, by the judges that are still the same.

Under a policy that compares, a tag may only be pointed at a version that was compared with what the
tag points at (a canary: with `stable`), or when nothing else is live. And what judged must still be
what was measured then. Promotion asks for both; from now on the database does too. A trigger of its
own: its name makes it fire after `event_evidence` of 0002, whose messages come first.
"""

from django.db import migrations

COMPARED = """
CREATE FUNCTION registry_event_evidence_holds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  evidence jsonb;
  rule jsonb;
  live integer;
BEGIN
  IF NEW.kind <> 'promoted' OR NEW.certificate_id IS NULL THEN
    RETURN NEW;
  END IF;
  SELECT c.evidence, p.spec INTO evidence, rule
    FROM registry_certificate c LEFT JOIN registry_gatepolicy p ON p.name = c.policy
    WHERE c.id = NEW.certificate_id;
  IF COALESCE(rule->'margin', 'null') <> 'null' OR COALESCE(rule->'guardrails', '{}') <> '{}' THEN
    IF NEW.tag = 'canary' THEN
      SELECT v.number INTO live FROM registry_tag t
        JOIN registry_tagevent e ON e.id = t.event_id JOIN registry_promptversion v ON v.id = e.version_id
        WHERE t.prompt_id = NEW.prompt_id AND t.name = 'stable';
    ELSE
      -- The entry that the tag points at: no other one can be followed.
      SELECT v.number INTO live FROM registry_tagevent e
        JOIN registry_promptversion v ON v.id = e.version_id WHERE e.id = NEW.previous_id;
    END IF;
    IF live IS NOT NULL AND live <> (SELECT number FROM registry_promptversion WHERE id = NEW.version_id)
       AND evidence->'baseline' IS DISTINCT FROM to_jsonb(live) THEN
      RAISE EXCEPTION 'the certificate was compared with something else than what is live'
        USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  IF jsonb_array_length(COALESCE(evidence->'judge_models', '[]')) = 0
     AND COALESCE(evidence->'judges', '{}') <> '{}'
     OR EXISTS (
       SELECT 1 FROM jsonb_array_elements(COALESCE(evidence->'judge_models', '[]')) judge
         LEFT JOIN registry_modelversion m ON m.name = judge->>'name' AND m.digest = judge->>'digest'
         WHERE m.fingerprint IS DISTINCT FROM judge->>'fingerprint') THEN
    RAISE EXCEPTION 'the certificate has expired: what judged then does not judge now'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER event_evidence_holds BEFORE INSERT ON registry_tagevent
  FOR EACH ROW EXECUTE FUNCTION registry_event_evidence_holds();
"""

UNDO = """
DROP TRIGGER event_evidence_holds ON registry_tagevent;
DROP FUNCTION registry_event_evidence_holds;
"""


class Migration(migrations.Migration):
    """Add the trigger."""

    dependencies = [("registry", "0003_served_changes")]
    operations = [migrations.RunSQL(COMPARED, UNDO)]
