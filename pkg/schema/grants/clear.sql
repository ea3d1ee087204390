-- What a role had is taken from it, in the transaction in which it gets what is due.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT DISTINCT CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS thing
          FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
           AND (EXISTS (SELECT FROM aclexplode(c.relacl) WHERE grantee = ':role'::regrole)
                OR EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl)
                            WHERE a.attrelid = c.oid AND grantee = ':role'::regrole))
        UNION ALL
        SELECT 'FUNCTION ' || p.oid::regprocedure
          FROM pg_proc p
         WHERE p.pronamespace = 'public'::regnamespace
           AND EXISTS (SELECT FROM aclexplode(p.proacl) WHERE grantee = ':role'::regrole)
    LOOP
        EXECUTE 'REVOKE ALL ON ' || granted.thing || ' FROM :role';
    END LOOP;
END
$$;
