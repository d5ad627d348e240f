-- Makes the roles, and gives them what migrations/rights.py says and nothing else. It comes as JSON in the setting
-- chatlog.rights of this transaction.
--
-- Roles belong to the server: another database's migration may have made them, or be making them now. A user that
-- may not make them gets a warning and a working schema; once an administrator made them, the next run grants. The
-- same goes for tables of others, whose owner alone may grant.
DO
$do$
DECLARE
    wanted text;
BEGIN
    FOR wanted IN
        SELECT given ->> 'role'
        FROM jsonb_array_elements(current_setting('chatlog.rights')::jsonb) WITH ORDINALITY AS rights (given, number)
        GROUP BY 1
        HAVING to_regrole(given ->> 'role') IS NULL
        ORDER BY min(number)
    LOOP
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
END
$do$;

-- Who may do what with which table; with some of its columns, if any are named.
DO
$do$
DECLARE
    of_a_role record;
    missing   text;
BEGIN
    -- What was granted by hand or by an earlier version goes.
    FOR of_a_role IN
        SELECT DISTINCT one.role, pg_class.oid::regclass AS relation
        FROM jsonb_to_recordset(current_setting('chatlog.rights')::jsonb) AS one (role text)
        CROSS JOIN jsonb_to_recordset(current_setting('chatlog.rights')::jsonb) AS given (action text, thing text)
        JOIN pg_class ON pg_class.oid = CASE WHEN action <> 'EXECUTE' THEN to_regclass(thing) END
        WHERE pg_has_role(relowner, 'USAGE') AND to_regrole(role) IS NOT NULL
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %I', of_a_role.relation, of_a_role.role);
    END LOOP;

    FOR of_a_role IN
        WITH allowed AS (
            SELECT *
            FROM jsonb_to_recordset(current_setting('chatlog.rights')::jsonb)
                AS given (role text, action text, thing text, columns name[])
        ),
        -- An earlier revision has fewer tables and columns.
        present AS (
            SELECT role, action, pg_class.oid AS relation, relowner, nspname, nspowner,
                   allowed.columns IS NOT NULL AS is_partial, found.columns
            FROM allowed
            JOIN pg_class ON pg_class.oid = CASE WHEN action <> 'EXECUTE' THEN to_regclass(thing) END
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            CROSS JOIN LATERAL (
                SELECT array_agg(attname ORDER BY attnum) AS columns
                FROM pg_attribute
                WHERE attrelid = pg_class.oid AND attname = ANY (allowed.columns) AND NOT attisdropped
            ) AS found
            WHERE to_regrole(role) IS NOT NULL AND (allowed.columns IS NULL OR found.columns IS NOT NULL)
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
            EXECUTE format('GRANT %s ON %s TO %I', of_a_role.actions, of_a_role.relation::regclass, of_a_role.role);
        ELSIF NOT of_a_role.has_all THEN
            missing := format('GRANT %s ON %s TO %I', of_a_role.actions, of_a_role.relation::regclass, of_a_role.role);
            RAISE WARNING 'the table % is not %''s to grant: let its owner run "%"',
                of_a_role.relation::regclass, current_user, missing;
        END IF;
    END LOOP;

    FOR of_a_role IN
        SELECT role, action, to_regprocedure(thing) AS function
        FROM jsonb_to_recordset(current_setting('chatlog.rights')::jsonb) AS given (role text, action text, thing text)
        WHERE action = 'EXECUTE' AND to_regrole(role) IS NOT NULL AND to_regprocedure(thing) IS NOT NULL
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', of_a_role.function, of_a_role.role);
    END LOOP;
END
$do$;
