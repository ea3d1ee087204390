-- What holds for every role: nobody makes things in our schema but the owner, and no
-- function of ours is for whoever comes. `managair migrate` runs these files as the owner,
-- at its end: this one, and then for each role that is there, clear.sql and that of its
-- service. :role is the role.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Functions, but for those of extensions.
DO $$
DECLARE
    ours text;
BEGIN
    FOR ours IN
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE 'REVOKE ALL ON FUNCTION ' || ours || ' FROM PUBLIC';
    END LOOP;
END
$$;
