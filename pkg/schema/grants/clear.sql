-- What a role was granted in our schema is taken from it, in the transaction in which it gets
-- what is due: on the schema, its tables, columns, sequences and functions, as far as the owner
-- granted it, or a superuser in the owner's stead. What others granted who may pass it on is
-- theirs to take back, and is warned of. Roles that it is a member of, and what PUBLIC may, stay.
REVOKE ALL ON SCHEMA public FROM :role;

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

    FOR granted IN
        SELECT privilege_type AS what, thing, pg_get_userbyid(grantor) AS whose
          FROM (SELECT c.oid::regclass::text AS thing, x.*
                  FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace = 'public'::regnamespace
                UNION ALL
                SELECT a.attrelid::regclass || '.' || a.attname, x.*
                  FROM pg_attribute a, aclexplode(a.attacl) x
                 WHERE a.attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
                UNION ALL
                SELECT p.oid::regprocedure::text, x.*
                  FROM pg_proc p, aclexplode(p.proacl) x WHERE p.pronamespace = 'public'::regnamespace
                UNION ALL
                SELECT 'schema public', x.* FROM pg_namespace n, aclexplode(n.nspacl) x WHERE n.oid = 'public'::regnamespace) acl
         WHERE grantee = ':role'::regrole
    LOOP
        RAISE WARNING '%: % may % because % granted it, who may take it back', granted.thing, ':role', granted.what, granted.whose;
    END LOOP;
END
$$;
