-- Undoes roles.up.sql once the tables are gone; those of others are still there. A role that someone has been made a
-- member of, or that another database uses, stays, and so does one that this user may not drop.
DO
$do$
DECLARE
    unwanted text;
    relation record;
BEGIN
    FOREACH unwanted IN ARRAY ARRAY [
        'chatlog_writer', 'chatlog_exporter', 'chatlog_api', 'chatlog_maintainer', 'chatlog_reader'
    ] LOOP
        CONTINUE WHEN to_regrole(unwanted) IS NULL;
        FOR relation IN
            SELECT pg_class.oid::regclass AS name, nspname AS home, pg_has_role(nspowner, 'USAGE') AS home_is_ours
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE pg_class.oid = ANY (ARRAY [
                    to_regclass('chatlog_schema_version'), to_regclass('users'), to_regclass('credentials'),
                    to_regclass('surveys'), to_regclass('responses'), to_regclass('export_status')
                ]::oid[]) AND pg_has_role(relowner, 'USAGE')
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %I', relation.name, unwanted);
            IF relation.home_is_ours THEN
                EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %I', relation.home, unwanted);
            END IF;
        END LOOP;
        EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %I', current_schema(), unwanted);
        -- Whoever makes a role becomes its member (PostgreSQL 16), which is nobody's use of it.
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_auth_members
            WHERE roleid = to_regrole(unwanted) AND member <> to_regrole(quote_ident(current_user))
        );
        BEGIN
            EXECUTE format('DROP ROLE %I', unwanted);
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN
                NULL; -- another database's, or an administrator's
        END;
    END LOOP;
END
$do$;
