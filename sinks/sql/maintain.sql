-- What `chatlog maintain` does, as the owner of the tables. The names of partitions and indexes cannot be parameters: such
-- statements are made here (`…_statement`), and run as they come.

-- name: try_lock
-- One at a time, whoever starts it.
SELECT pg_try_advisory_lock($1);

-- name: unlock
-- Let another one go on.
SELECT pg_advisory_unlock($1);

-- name: take_little
-- Building an index takes one core, and beside it people talk.
SELECT set_config('max_parallel_maintenance_workers', '0', false);

-- name: find_leaves
-- The tables that hold the rows of chat_log and messages: which platform's, from when to when (none of both of a default
-- partition), and whether the user may make indexes of them. The session's time zone is UTC, as the bounds are.
WITH RECURSIVE part AS (
    SELECT to_regclass(name) AS relation, CASE name WHEN 'chat_log' THEN 'messenger' COLLATE "C" END AS platform
    FROM unnest(ARRAY['chat_log', 'messages']) AS name
    WHERE to_regclass(name) IS NOT NULL
    UNION ALL
    SELECT inhrelid::regclass,
           coalesce(platform, substring(pg_get_expr(relpartbound, pg_class.oid) FROM 'IN \(''([^'']+)''\)'))
    FROM part JOIN pg_inherits ON inhparent = relation JOIN pg_class ON pg_class.oid = inhrelid
)
SELECT
    relation::text AS name, relname::text AS plain_name, platform,
    (regexp_match(pg_get_expr(relpartbound, pg_class.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz AS since,
    (regexp_match(pg_get_expr(relpartbound, pg_class.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz AS until,
    pg_has_role(relowner, 'USAGE') AS is_ours
FROM part JOIN pg_class ON pg_class.oid = relation
WHERE relkind = 'r'
ORDER BY until DESC NULLS LAST, plain_name;

-- name: find_pieces
-- The indexes of words of these tables ($1): of which language (none: words as they are), of which rows, whether they can
-- be used.
SELECT
    relation AS leaf, indexrelid::regclass::text AS name,
    substring(pg_get_expr(indexprs, indrelid) FROM 'fts\(''([a-z]+)''') AS language,
    (regexp_match(pg_get_expr(indpred, indrelid), '>= ''([^'']+)'''))[1]::timestamptz AS since,
    (regexp_match(pg_get_expr(indpred, indrelid), '< ''([^'']+)'''))[1]::timestamptz AS until,
    indisvalid AS is_valid
FROM unnest($1::varchar[]) AS relation JOIN pg_index ON indrelid = relation::regclass
WHERE indexprs IS NOT NULL AND pg_get_expr(indexprs, indrelid) ~ '^([a-z_]+\.)?fts\(';

-- name: find_languages
-- Which languages are spoken on which platforms, as far as places say theirs; surveys are of Messenger.
SELECT DISTINCT
    CASE split_part(place, ':', 1) WHEN 'survey' THEN 'messenger' ELSE split_part(split_part(place, ':', 2), '/', 1) END
        AS platform,
    language
FROM search_languages;

-- name: rows_statement
-- How many rows a table ($1) has between two times, or in all, and no more than $4.
SELECT format('SELECT count(*) FROM (SELECT FROM ONLY %s', $1::varchar)
    || CASE
        WHEN $2::timestamptz IS NULL THEN ''
        ELSE format(' WHERE timestamp >= %L::timestamptz AND timestamp < %L::timestamptz', $2, $3::timestamptz)
    END
    || format(' LIMIT %s) AS few', $4::integer);

-- name: piece_statement
-- An index, called $2, of the words of a table ($1) in a language ($3) or as they are: of the rows between two times, or of
-- all of them. Writers go on meanwhile.
SELECT format('CREATE INDEX CONCURRENTLY %I ON %s USING gin (', $2::varchar, $1::varchar)
    || CASE WHEN $3::varchar IS NULL THEN 'fts(content)' ELSE format('fts(%L::varchar, content)', $3) END || ')'
    || CASE
        WHEN $4::timestamptz IS NULL THEN ''
        ELSE format(' WHERE timestamp >= %L::timestamptz AND timestamp < %L::timestamptz', $4, $5::timestamptz)
    END;

-- name: drop_statement
-- An index ($1) goes, and nobody waits for that.
SELECT format('DROP INDEX CONCURRENTLY %s', $1::varchar);
