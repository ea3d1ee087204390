-- The exporter of the database's figures: how the server is, and no table.
DO $$
BEGIN
    GRANT pg_monitor TO :role;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'the owner of the database may not grant pg_monitor, so the exporter sees less; an administrator may: GRANT pg_monitor TO :role';
END
$$;
