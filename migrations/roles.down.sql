-- Undoes roles.up.sql once the tables are gone. A role that someone has been made a member of, or that another
-- database uses, stays, and so does one that this user may not drop.
DO
$do$
DECLARE
    unwanted text;
BEGIN
    FOREACH unwanted IN ARRAY ARRAY ['chatlog_writer', 'chatlog_reader'] LOOP
        CONTINUE WHEN to_regrole(unwanted) IS NULL;
        EXECUTE format('REVOKE ALL ON chatlog_schema_version FROM %I', unwanted);
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
