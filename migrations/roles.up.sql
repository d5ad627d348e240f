-- Two roles to grant to the users that log in, with the least each needs:
--
--     GRANT chatlog_writer TO the_user_of_the_workers;
--     GRANT chatlog_reader TO someone_who_reads;
--
-- Roles belong to the server: another database's migration may have made them, or be making them now. A user that
-- may not make them gets a warning and a working schema; once an administrator made them, the next run grants.
DO
$do$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY ['chatlog_writer', 'chatlog_reader'] LOOP
        CONTINUE WHEN to_regrole(wanted) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by another database's migration, this moment
            WHEN insufficient_privilege THEN
                RAISE WARNING 'role % is missing, and % may not make it: let an administrator run '
                    '"CREATE ROLE % NOLOGIN", then run chatlog migrate up again', wanted, current_user, wanted;
        END;
    END LOOP;

    IF to_regrole('chatlog_writer') IS NOT NULL THEN
        REVOKE ALL ON chat_log FROM chatlog_writer;
        -- SELECT, because ON CONFLICT reads the key.
        GRANT SELECT, INSERT ON chat_log TO chatlog_writer;
        GRANT SELECT ON chatlog_schema_version TO chatlog_writer;
        GRANT EXECUTE ON FUNCTION chat_log_make_partitions(integer, integer) TO chatlog_writer;
        IF NOT has_schema_privilege('chatlog_writer', current_schema(), 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO chatlog_writer', current_schema());
        END IF;
        IF to_regclass('dead_letters') IS NOT NULL THEN
            REVOKE ALL ON dead_letters FROM chatlog_writer;
            -- A dead letter is written, listed, marked as replayed, dropped; what it holds is never altered.
            GRANT SELECT, INSERT, DELETE, UPDATE (replayed_at) ON dead_letters TO chatlog_writer;
        END IF;
    END IF;

    IF to_regrole('chatlog_reader') IS NOT NULL THEN
        REVOKE ALL ON chat_log FROM chatlog_reader;
        GRANT SELECT ON chat_log TO chatlog_reader;
        GRANT SELECT ON chatlog_schema_version TO chatlog_reader;
        IF NOT has_schema_privilege('chatlog_reader', current_schema(), 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO chatlog_reader', current_schema());
        END IF;
    END IF;
END
$do$;
