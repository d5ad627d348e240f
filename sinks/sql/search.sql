-- Search. The statement itself is put together in sinks/postgres/searching.py, by what the caller may read.

-- name: search_each_by_its_plan
-- Which index is best depends on the words and the time, so a plan is good for one search; compiling it never pays, and
-- starting workers takes longer than most searches.
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0;

-- name: look_at_words
-- What remains of what is looked for ($2) in each language ($1), where words that say nothing are left out; 'T' or nothing
-- where that would be nearly every message.
SELECT language, querytree(to_tsquery(language::regconfig, words)) AS remains
FROM unnest($1::varchar[], $2::varchar[]) AS asked (language, words);

-- name: find_stems
-- The stem of each of the words $2 in the language $1, in their order; nothing of a word that says nothing.
SELECT (tsvector_to_array(to_tsvector($1::varchar::regconfig, word)))[1] AS stem
FROM unnest($2::varchar[]) WITH ORDINALITY AS asked (word, number)
ORDER BY number;

-- name: find_conversation
-- By what the messages of a conversation ($1) are found.
SELECT id, platform, channel, CASE platform WHEN 'messenger' THEN external_id ELSE '' END AS person
FROM conversations WHERE id = $1;

-- name: find_same_stem
-- Which of the words $2 are, in the language $1, what is looked for ($3).
SELECT word FROM unnest($2::varchar[]) AS word WHERE fts($1::varchar, word) @@ to_tsquery($1::varchar::regconfig, $3::varchar);

-- name: find_edges
-- Where indexes of words begin and end in time (nothing of both for those of all of a month), for each platform and language
-- (none: words as they are), and how many there are of each. The session's time zone is UTC.
WITH RECURSIVE part AS (
    SELECT to_regclass(name) AS relation, CASE name WHEN 'chat_log' THEN 'messenger' COLLATE "C" END AS platform
    FROM unnest(ARRAY['chat_log', 'messages']) AS name
    UNION ALL
    SELECT inhrelid::regclass,
           coalesce(platform, substring(pg_get_expr(relpartbound, pg_class.oid) FROM 'IN \(''([^'']+)''\)'))
    FROM part JOIN pg_inherits ON inhparent = relation JOIN pg_class ON pg_class.oid = inhrelid
)
SELECT
    platform,
    substring(pg_get_expr(indexprs, indrelid) FROM 'fts\(''([a-z]+)''') AS language,
    (regexp_match(pg_get_expr(indpred, indrelid), '>= ''([^'']+)'''))[1]::timestamptz AS since,
    (regexp_match(pg_get_expr(indpred, indrelid), '< ''([^'']+)'''))[1]::timestamptz AS until,
    count(*) AS indexes
FROM part JOIN pg_index ON indrelid = relation
WHERE indisvalid AND indexprs IS NOT NULL AND pg_get_expr(indexprs, indrelid) ~ '^([a-z_]+\.)?fts\('
GROUP BY 1, 2, 3, 4;

-- name: find_newest
-- When the last message of a platform ($1; NULL for any) was said, a day from now at most, as clocks may be wrong.
SELECT max(timestamp) FROM all_messages
WHERE timestamp < now() + interval '1 day' AND ($1::varchar IS NULL OR platform = $1);

-- name: has_many
-- Whether there are more messages of surveys ($1) than $2.
SELECT count(*) > $2 FROM (SELECT FROM chat_log WHERE surveyid = ANY ($1::uuid[]) LIMIT $2 + 1) AS few;

-- name: find_languages
-- In which language people speak where.
SELECT place, language, changed, changed_by FROM search_languages ORDER BY place;

-- name: known_languages
-- The languages whose words this server can bring to their stems.
SELECT cfgname::text FROM pg_ts_config
WHERE cfgnamespace = 'pg_catalog'::regnamespace AND cfgname <> 'simple' AND cfgname ~ '^[a-z]+$'
ORDER BY cfgname;

-- name: set_language
-- Say in which language ($2) people speak at a place ($1); by whom that is said ($3).
INSERT INTO search_languages AS known (place, language, changed_by) VALUES ($1, $2, $3)
ON CONFLICT (place) DO UPDATE SET language = excluded.language, changed = now(), changed_by = excluded.changed_by
RETURNING place, language, changed, changed_by;

-- name: unset_language
-- Say it no longer.
DELETE FROM search_languages WHERE place = $1;

-- name: count_days
-- How many messages of a platform ($1), of a channel of it ($2; NULL for all) there were on each day, as far as that is
-- counted: no fewer than there are. Python has no day before or after these.
SELECT day, sum(messages)::bigint AS messages
FROM (
    SELECT platform, channel, day, messages FROM message_days WHERE NOT final
    UNION ALL
    SELECT platform, channel, day, messages FROM message_day_deltas
) AS counted
WHERE platform = $1 AND ($2::varchar IS NULL OR channel = $2) AND day BETWEEN '0001-01-02' AND '9999-12-30'
GROUP BY day
HAVING sum(messages) > 0
ORDER BY day;
