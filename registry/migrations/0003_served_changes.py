"""What lookups must forget, written by the transaction that changed it.

Every statement that changes the answer of a lookup leaves a row that names the prompt, or `tokens`,
or `everything`. A web process asks which of these rows were committed since it last asked:
transaction ids and snapshots answer that exactly, without a counter that moves would queue for.
The NOTIFY only wakes it up. Statement-level triggers: a sync publishes tens of thousands of rows.
"""

from django.db import migrations

CREATE = """
CREATE TABLE registry_servedchange (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  what text NOT NULL CHECK (what IN ('prompt', 'tokens', 'everything')),
  prompt_id bigint,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX registry_servedchange_xid ON registry_servedchange (xid);
CREATE INDEX registry_servedchange_at ON registry_servedchange (at);

CREATE FUNCTION registry_note_prompts(prompts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF prompts IS NOT NULL THEN
    INSERT INTO registry_servedchange (what, prompt_id) SELECT 'prompt', unnest(prompts);
    PERFORM pg_notify('assay_served', '');
  END IF;
END $$;

CREATE FUNCTION registry_note_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO registry_servedchange (what) VALUES (TG_ARGV[0]);
  PERFORM pg_notify('assay_served', '');
  RETURN NULL;
END $$;

CREATE FUNCTION registry_note_children() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM registry_note_prompts((SELECT array_agg(DISTINCT prompt_id) FROM fresh));
  RETURN NULL;
END $$;
CREATE TRIGGER tag_set_is_served AFTER INSERT ON registry_tag
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION registry_note_children();
CREATE TRIGGER tag_move_is_served AFTER UPDATE ON registry_tag
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION registry_note_children();
CREATE TRIGGER version_is_served AFTER INSERT ON registry_promptversion
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION registry_note_children();

CREATE FUNCTION registry_note_certificates() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM registry_note_prompts((SELECT array_agg(DISTINCT v.prompt_id) FROM fresh
    JOIN registry_promptversion v ON v.id = fresh.prompt_version_id));
  RETURN NULL;
END $$;
CREATE TRIGGER certificate_end_is_served AFTER UPDATE ON registry_certificate
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION registry_note_certificates();

CREATE FUNCTION registry_note_described() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM registry_note_prompts((SELECT array_agg(fresh.id) FROM fresh JOIN gone USING (id)
    WHERE (fresh.name, fresh.orphaned) IS DISTINCT FROM (gone.name, gone.orphaned)));
  RETURN NULL;
END $$;
CREATE TRIGGER prompt_change_is_served AFTER UPDATE ON registry_prompt
  REFERENCING NEW TABLE AS fresh OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION registry_note_described();

CREATE FUNCTION registry_note_prompts_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM registry_note_prompts((SELECT array_agg(id) FROM gone));
  RETURN NULL;
END $$;
CREATE TRIGGER prompt_end_is_served AFTER DELETE ON registry_prompt
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION registry_note_prompts_gone();

CREATE FUNCTION registry_note_pins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM registry_note_prompts((SELECT array_agg(DISTINCT t.prompt_id) FROM fresh
    JOIN gone USING (id) JOIN registry_tagevent e ON e.model_id = fresh.id
    JOIN registry_tag t ON t.event_id = e.id
    WHERE (fresh.pin -> 'served_id', fresh.pin -> 'revision')
          IS DISTINCT FROM (gone.pin -> 'served_id', gone.pin -> 'revision')));
  RETURN NULL;
END $$;
CREATE TRIGGER pin_change_is_served AFTER UPDATE ON registry_modelversion
  REFERENCING NEW TABLE AS fresh OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION registry_note_pins();

-- Not last_used_at: that is written all the time and changes nothing.
CREATE TRIGGER token_change_is_served
  AFTER INSERT OR DELETE OR UPDATE OF name, digest, scopes, prompts, expires_at, revoked_at
  ON registry_apitoken FOR EACH STATEMENT EXECUTE FUNCTION registry_note_all('tokens');

CREATE TRIGGER prompts_emptied AFTER TRUNCATE ON registry_prompt
  FOR EACH STATEMENT EXECUTE FUNCTION registry_note_all('everything');
CREATE TRIGGER versions_emptied AFTER TRUNCATE ON registry_promptversion
  FOR EACH STATEMENT EXECUTE FUNCTION registry_note_all('everything');
CREATE TRIGGER tags_emptied AFTER TRUNCATE ON registry_tag
  FOR EACH STATEMENT EXECUTE FUNCTION registry_note_all('everything');
CREATE TRIGGER tokens_emptied AFTER TRUNCATE ON registry_apitoken
  FOR EACH STATEMENT EXECUTE FUNCTION registry_note_all('tokens');
"""

UNDO = """
DROP TRIGGER tokens_emptied ON registry_apitoken;
DROP TRIGGER tags_emptied ON registry_tag;
DROP TRIGGER versions_emptied ON registry_promptversion;
DROP TRIGGER prompts_emptied ON registry_prompt;
DROP TRIGGER token_change_is_served ON registry_apitoken;
DROP TRIGGER pin_change_is_served ON registry_modelversion;
DROP FUNCTION registry_note_pins;
DROP TRIGGER prompt_end_is_served ON registry_prompt;
DROP FUNCTION registry_note_prompts_gone;
DROP TRIGGER prompt_change_is_served ON registry_prompt;
DROP FUNCTION registry_note_described;
DROP TRIGGER certificate_end_is_served ON registry_certificate;
DROP FUNCTION registry_note_certificates;
DROP TRIGGER version_is_served ON registry_promptversion;
DROP TRIGGER tag_move_is_served ON registry_tag;
DROP TRIGGER tag_set_is_served ON registry_tag;
DROP FUNCTION registry_note_children;
DROP FUNCTION registry_note_all;
DROP FUNCTION registry_note_prompts;
DROP TABLE registry_servedchange;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_ledger_triggers")]
    operations = [migrations.RunSQL(CREATE, UNDO)]
