"""Which database this is: revisions of another one, or of an older state of it, mean something else.

`incarnation` begins with the millisecond of its making, so that of two the later is known. It is made
with the tables, made again when the table is emptied, and when the row is found elsewhere than it
was written: in another cluster (a dump put back, `pg_upgrade`), on another timeline (recovery to a
point in time, a standby that took over), in another database or table (a copy, `pg_restore
--clean`). A volume put back as it was, and rows put back into these very tables, look the same.
"""

from django.db import migrations, models

CREATE = """
CREATE FUNCTION registry_place() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE cluster text := '';
BEGIN
  -- Some who run PostgreSQL for others may keep it to themselves.
  IF has_function_privilege('pg_control_system()', 'EXECUTE') THEN
    SELECT system_identifier::text INTO cluster FROM pg_control_system();
  END IF;
  RETURN concat_ws('/', cluster, left(pg_walfile_name(pg_current_wal_lsn()), 8),
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    'registry_registrystate'::regclass::oid);
END $$;

CREATE FUNCTION registry_new_incarnation(after text DEFAULT '') RETURNS text
LANGUAGE sql VOLATILE AS $$
  SELECT lpad(to_hex(greatest((extract(epoch FROM clock_timestamp()) * 1000)::bigint,
      CASE WHEN after = '' THEN 0 ELSE ('x' || left(after, 12))::bit(48)::bigint + 1 END)), 12, '0')
    || left(replace(gen_random_uuid()::text, '-', ''), 8)
$$;

ALTER TABLE registry_registrystate
  ADD incarnation varchar(20) NOT NULL DEFAULT registry_new_incarnation(),
  ADD place text NOT NULL DEFAULT registry_place();
INSERT INTO registry_registrystate (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING;

CREATE FUNCTION registry_begin_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO registry_registrystate (id, revision) VALUES (1, 0);
  RETURN NULL;
END $$;
CREATE TRIGGER state_emptied AFTER TRUNCATE ON registry_registrystate
  FOR EACH STATEMENT EXECUTE FUNCTION registry_begin_anew();
"""
UNDO = """
DROP TRIGGER state_emptied ON registry_registrystate;
DROP FUNCTION registry_begin_anew;
ALTER TABLE registry_registrystate DROP incarnation, DROP place;
DROP FUNCTION registry_new_incarnation;
DROP FUNCTION registry_place;
"""
STATE = [
    migrations.AddField(
        "registrystate",
        "incarnation",
        models.CharField(max_length=20, default=""),
        preserve_default=False,
    ),
    migrations.AddField(
        "registrystate", "place", models.TextField(default=""), preserve_default=False
    ),
]


class Migration(migrations.Migration):
    dependencies = [("registry", "0017_git_host_reports")]
    operations = [migrations.RunSQL(CREATE, UNDO, state_operations=STATE)]
