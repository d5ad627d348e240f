-- Undoes roles.up.sql once the tables are gone; those of others are still there. Which roles and tables, the setting
-- chatlog.rights tells here too. A role that someone has been made a member of, or that another database uses, stays,
-- and so does one that this user may not drop.
DO
$do$
DECLARE
    unwanted text;
    relation record;
BEGIN
    FOR unwanted IN
        SELECT DISTINCT role
        FROM jsonb_to_recordset(current_setting('chatlog.rights')::jsonb) AS given (role text)
        WHERE to_regrole(role) IS NOT NULL
    LOOP
        FOR relation IN
            SELECT pg_class.oid::regclass AS name, nspname AS home, pg_has_role(nspowner, 'USAGE') AS home_is_ours
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE pg_has_role(relowner, 'USAGE') AND pg_class.oid IN (
                SELECT CASE WHEN action <> 'EXECUTE' THEN to_regclass(thing) END
                FROM jsonb_to_recordset(current_setting('chatlog.rights')::jsonb) AS given (action text, thing text)
            )
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
