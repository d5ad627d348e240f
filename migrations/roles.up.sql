-- Roles to grant to the users that log in, with the least each needs:
--
--     GRANT chatlog_writer TO the_user_of_the_workers_that_capture_and_persist;
--     GRANT chatlog_exporter TO the_user_of_the_workers_that_export;
--     GRANT chatlog_api TO the_user_of_the_api;
--     GRANT chatlog_maintainer TO the_user_of_chatlog_backfill;
--     GRANT chatlog_reader TO someone_who_reads;
--
-- Roles belong to the server: another database's migration may have made them, or be making them now. A user that
-- may not make them gets a warning and a working schema; once an administrator made them, the next run grants. The
-- same goes for tables of others, whose owner alone may grant.
DO
$do$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY [
        'chatlog_writer', 'chatlog_exporter', 'chatlog_api', 'chatlog_maintainer', 'chatlog_reader'
    ] LOOP
        IF to_regrole(wanted) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- made by another database's migration, this moment
                WHEN insufficient_privilege THEN
                    RAISE WARNING 'role % is missing, and % may not make it: let an administrator run '
                        '"CREATE ROLE % NOLOGIN", then run chatlog migrate up again', wanted, current_user, wanted;
                    CONTINUE;
            END;
        END IF;
        EXECUTE format('GRANT SELECT ON chatlog_schema_version TO %I', wanted);
        IF NOT has_schema_privilege(wanted, current_schema(), 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), wanted);
        END IF;
    END LOOP;
END
$do$;

-- Who may do what with which table; with some of its columns, if any are named. migrations/rights.py says it, and gives
-- it here as the setting chatlog.rights of this transaction.
DO
$do$
DECLARE
    of_a_role record;
    missing   text;
BEGIN
    FOR of_a_role IN
        WITH allowed AS (
            SELECT *
            FROM jsonb_to_recordset(current_setting('chatlog.rights')::jsonb)
                AS given (role text, action text, relation text, names name[])
        ),
        -- An earlier revision has fewer tables and columns.
        present AS (
            SELECT role, action, pg_class.oid AS relation, relowner, nspname, nspowner,
                   names IS NOT NULL AS is_partial, columns
            FROM allowed
            JOIN pg_class ON pg_class.oid = to_regclass(allowed.relation)
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            CROSS JOIN LATERAL (
                SELECT array_agg(attname ORDER BY attnum) AS columns
                FROM pg_attribute
                WHERE attrelid = pg_class.oid AND attname = ANY (names) AND NOT attisdropped
            ) AS found
            WHERE to_regrole(role) IS NOT NULL AND (names IS NULL OR columns IS NOT NULL)
        )
        SELECT
            role, relation, nspname AS home,
            has_schema_privilege(role, nspname, 'USAGE') AS may_enter,
            pg_has_role(nspowner, 'USAGE') AS home_is_ours,
            pg_has_role(relowner, 'USAGE') AS is_ours,
            string_agg(
                CASE WHEN is_partial
                    THEN format('%s (%s)', action,
                                (SELECT string_agg(quote_ident(name), ', ') FROM unnest(columns) AS name))
                    ELSE action
                END, ', '
            ) AS actions,
            bool_and(
                CASE WHEN is_partial
                    THEN (SELECT bool_and(has_column_privilege(role, relation, name, action))
                          FROM unnest(columns) AS name)
                    ELSE has_table_privilege(role, relation, action)
                END
            ) AS has_all
        FROM present
        GROUP BY role, relation, relowner, nspname, nspowner
        ORDER BY role, relation
    LOOP
        -- Tables of others may be in a schema of theirs, further down the search_path.
        IF NOT of_a_role.may_enter THEN
            missing := format('GRANT USAGE ON SCHEMA %I TO %I', of_a_role.home, of_a_role.role);
            IF of_a_role.home_is_ours THEN
                EXECUTE missing;
            ELSE
                RAISE WARNING 'the schema % is not %''s to grant: let its owner run "%"',
                    of_a_role.home, current_user, missing;
            END IF;
        END IF;
        IF of_a_role.is_ours THEN
            -- What was granted by hand goes: this is all of it.
            EXECUTE format('REVOKE ALL ON %s FROM %I', of_a_role.relation::regclass, of_a_role.role);
            EXECUTE format('GRANT %s ON %s TO %I', of_a_role.actions, of_a_role.relation::regclass, of_a_role.role);
        ELSIF NOT of_a_role.has_all THEN
            missing := format('GRANT %s ON %s TO %I', of_a_role.actions, of_a_role.relation::regclass, of_a_role.role);
            RAISE WARNING 'the table % is not %''s to grant: let its owner run "%"',
                of_a_role.relation::regclass, current_user, missing;
        END IF;
    END LOOP;

    IF to_regrole('chatlog_writer') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION chat_log_make_partitions(integer, integer) TO chatlog_writer;
    END IF;
END
$do$;
