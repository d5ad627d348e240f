-- What `chatlog check` asks of the catalog, as whichever user is connected. The tables are found by the search_path.

-- name: may_see_revision
-- Whether the user may know at which revision the tables are.
SELECT has_table_privilege(to_regclass('chatlog_schema_version'), 'SELECT');

-- name: find_revision
-- The revision that the tables are at; no row before the first.
SELECT version_num FROM chatlog_schema_version;

-- name: find_columns
-- The columns of those of the tables $1 that are there.
SELECT
    needed.name AS "table", attname::text AS name, format_type(atttypid, NULL) AS type,
    attnotnull AS is_required, atthasdef OR attidentity <> '' AS has_default
FROM unnest($1::text[]) AS needed (name)
JOIN pg_attribute ON attrelid = to_regclass(needed.name) AND attnum > 0 AND NOT attisdropped
ORDER BY "table", attnum;

-- name: find_indexes
-- The indexes of the tables $1, of their partitions, and of theirs; without those of the tables $2 that were not made
-- by us. What they are is in PostgreSQL's own words, without settings that change nothing but their size.
WITH RECURSIVE whole AS (
    SELECT name, to_regclass(name) AS relation
    FROM unnest($1::text[]) AS name
    WHERE name <> ALL ($2::text[]) OR obj_description(to_regclass(name), 'pg_class') LIKE 'Made by chatlog:%'
),
part AS (
    SELECT name, relation, 0 AS level FROM whole
    UNION ALL
    SELECT name, inhrelid::regclass, level + 1 FROM part JOIN pg_inherits ON inhparent = relation
)
SELECT
    part.name AS "table", relation::text, level = 0 AS is_whole, level = 1 AS is_part,
    indexrelid::regclass::text AS name,
    regexp_replace(
        substring(pg_get_indexdef(indexrelid) FROM ' USING (.*)$'), ' WITH \([^)]*\)', ''
    ) AS definition,
    indisunique AS is_unique, indisprimary AS is_primary, indisvalid AS is_valid,
    EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) AS is_constraint,
    relkind = 'i' AND NOT relispartition AND NOT indisvalid AS is_left_over,
    (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = indexrelid) AS part_of
FROM part
LEFT JOIN pg_index ON indrelid = relation
LEFT JOIN pg_class ON pg_class.oid = indexrelid
WHERE relation IS NOT NULL
ORDER BY relation::text, name;

-- name: find_partitions
-- Of the tables $1: whether each is there and has a default partition, about how many rows lie in that, as the
-- statistics tell, and which of this month and the next have no partition. The session's time zone is UTC, as the
-- partitions' bounds are.
SELECT
    needed.name AS "table", partrelid IS NOT NULL AS is_there, coalesce(partdefid <> 0, false) AS has_default,
    coalesce(pg_stat_get_live_tuples(partdefid), 0)::int AS default_rows, lacking.months
FROM unnest($1::text[]) WITH ORDINALITY AS needed (name, number)
LEFT JOIN pg_partitioned_table ON partrelid = to_regclass(needed.name)
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(to_char(month, 'YYYY-MM') ORDER BY month), '{}') AS months
    FROM generate_series(0, 1) AS ahead
    CROSS JOIN LATERAL (SELECT date_trunc('month', now()) + make_interval(months => ahead) AS month) AS wanted
    WHERE NOT EXISTS (
        SELECT FROM pg_inherits
        JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = partrelid AND relname = needed.name || to_char(month, '_YYYY_MM')
    )
) AS lacking
ORDER BY number;

-- name: find_missing_views
-- Those of the views and tables $1 that are not there. By the catalog, as whoever may not enter a schema may not ask
-- for what is in it.
SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS needed (name, number)
WHERE NOT EXISTS (
    SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE name = nspname || '.' || relname OR (name = relname AND pg_table_is_visible(pg_class.oid))
)
ORDER BY number;

-- name: find_triggers
-- Those of the triggers $2 that their tables $1 have, and whether each is on. A table is in the schema that is named
-- with it, or where the search_path finds it.
SELECT needed.name AS "table", tgname::text AS name, tgenabled <> 'D' AS is_on
FROM unnest($1::text[], $2::text[]) AS needed (name, trigger_name)
JOIN pg_trigger ON tgname = trigger_name
JOIN pg_class ON pg_class.oid = tgrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE needed.name = nspname || '.' || relname OR (needed.name = relname AND pg_table_is_visible(tgrelid));

-- name: find_policed
-- Of those of the tables $1 that are there: whether row-level security is on, and whether they have the policy $2.
SELECT
    name,
    relrowsecurity AS is_on,
    EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = $2::text) AS is_made
FROM unnest($1::text[]) WITH ORDINALITY AS needed (name, number)
JOIN pg_class ON pg_class.oid = to_regclass(name)
ORDER BY number;

-- name: see_all_tenants
-- In this transaction, whoever has the API's role sees what every tenant has.
SELECT set_config('chatlog.tenant', '*', true);

-- name: find_user
-- Who is connected, as GRANT has to name them.
SELECT quote_ident(current_user);

-- name: is_member
-- Whether the user has what the role $1 has.
SELECT coalesce(pg_has_role(to_regrole($1), 'USAGE'), false);

-- name: find_refused
-- Which of the rights $1 the user lacks, by their numbers from 0, and for which columns. A table or column that is
-- missing altogether is neither granted nor refused; a function that is missing cannot be called; nor can anything in
-- a schema that the user may not enter.
SELECT number - 1 AS number, refused.columns
FROM ROWS FROM (
    jsonb_to_recordset($1::jsonb) AS (action text, thing text, columns text[])
) WITH ORDINALITY AS needed (action, thing, columns, number)
LEFT JOIN LATERAL (
    SELECT pg_class.oid AS relation, has_schema_privilege(relnamespace, 'USAGE') AS may_enter
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE thing = quote_ident(nspname) || '.' || quote_ident(relname)
        OR (thing = relname AND pg_table_is_visible(pg_class.oid))
) AS named ON true
CROSS JOIN LATERAL (
    SELECT array_agg(attname::text ORDER BY array_position(needed.columns, attname::text)) AS columns
    FROM pg_attribute
    WHERE needed.columns IS NOT NULL AND attrelid = relation AND attname = ANY (needed.columns)
        AND NOT attisdropped AND NOT has_column_privilege(attrelid, attnum, action)
) AS refused
WHERE CASE
    WHEN action = 'EXECUTE' THEN NOT coalesce(has_function_privilege(to_regprocedure(thing), action), false)
    WHEN needed.columns IS NULL
        THEN NOT coalesce(may_enter AND has_table_privilege(relation, action), true)
    ELSE refused.columns IS NOT NULL
END
ORDER BY number;

-- name: find_without_pieces
-- Tables with rows of which search has no index that can be used: of months that are over, and default partitions; and of a
-- month that goes on for at least two days, none of any day. A month that goes on may have begun to be spoken in today,
-- and then there is nothing to make yet: it is told only where reading it through takes a while. The session's time zone
-- is UTC.
WITH RECURSIVE part AS (
    SELECT to_regclass(name) AS relation FROM unnest(ARRAY['chat_log', 'messages']) AS name
    UNION ALL
    SELECT inhrelid::regclass FROM part JOIN pg_inherits ON inhparent = relation
),
leaf AS (
    SELECT relation,
           (regexp_match(pg_get_expr(relpartbound, oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS since,
           (regexp_match(pg_get_expr(relpartbound, oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz AS until,
           pg_relation_size(oid) AS bytes
    FROM part JOIN pg_class ON oid = relation
    WHERE relkind = 'r'
)
SELECT relation::text AS name FROM leaf
WHERE (
        (bytes > 0 AND (since IS NULL OR until <= now()))
        OR (bytes > 16 * 1024 * 1024 AND since < now() - interval '2 days')
    )
    AND NOT EXISTS (
        SELECT FROM pg_index
        WHERE indrelid = relation AND indisvalid AND pg_get_expr(indexprs, indrelid) ~ '^([a-z_]+\.)?fts\('
            AND (indpred IS NULL OR until > now() - interval '2 days')
    )
ORDER BY name;
