-- What an export reads besides the rows that it copies (those are put together in sinks/exports/query.py).

-- name: export_session
-- While an export reads. It may take hours, and compiling its statement never pays.
SET LOCAL statement_timeout = 0;
SET LOCAL jit = off;
-- A note in place of a value counts itself here.
SET LOCAL chatlog.cells_not_shown = 0;

-- name: export_walk
-- While an export of chat_log reads. Its indexes have the rows in order, so walking them gives the first row at once.
-- PostgreSQL would rather read everything and sort it (on disk), to be done a little sooner, as it believes.
SET LOCAL statement_timeout = 0;
SET LOCAL jit = off;
-- A note in place of a value counts itself here.
SET LOCAL chatlog.cells_not_shown = 0;
SET LOCAL enable_sort = off;
-- A bitmap forgets the order.
SET LOCAL enable_bitmapscan = off;

-- name: export_surveyids
-- The versions and translations of an owner's survey.
SELECT surveys.id
FROM surveys
JOIN users ON users.id = surveys.userid
WHERE owner_address(users.email) = owner_address($1) AND surveys.survey_name = $2
ORDER BY surveys.created, surveys.id;

-- name: export_people_share
-- About how many people there are to an answer, as the statistics of all answers tell; one, where there are none yet.
SELECT coalesce(
    (
        SELECT CASE WHEN n_distinct < 0 THEN -n_distinct ELSE n_distinct / greatest(reltuples, n_distinct, 1) END
        FROM pg_stats
        INNER JOIN pg_class ON pg_class.oid = 'responses'::regclass
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE schemaname = nspname AND tablename = relname AND attname = 'userid'
    ),
    1
)::double precision;

-- name: export_may_read_forms
-- Whether forms can be read: in the tables of others the column may be missing, or not be ours to read.
SELECT count(*) > 0
FROM pg_attribute
WHERE attrelid = 'surveys'::regclass AND attname = 'form' AND NOT attisdropped
  AND has_column_privilege(attrelid, attnum, 'SELECT');

-- name: export_forms
-- The forms of the surveys $1, the oldest version first.
SELECT shortcode, form
FROM surveys
WHERE id = ANY ($1::uuid[]) AND shortcode IS NOT NULL AND form IS NOT NULL
ORDER BY created, id;

-- name: export_eras
-- From when to when a shortcode of the owner meant the survey, and on which pages: for rows that have no surveyid.
--
-- An owner may use a shortcode again for another survey. A row is of the newest survey that was made before it,
-- or else of the first; so an era begins where the name changes. A page that another owner has too counts only
-- while that owner has no survey with the shortcode: nobody is given what may be somebody else's.
-- A time that no calendar has stands for one before, or after, all messages.
WITH owner AS (
    -- Several where the address is written in several ways.
    SELECT id FROM users WHERE owner_address(email) = owner_address($1)
),
versions AS (
    SELECT
        surveys.shortcode, surveys.survey_name, surveys.id,
        CASE
            WHEN surveys.created < '0001-01-02Z' THEN '-infinity'
            WHEN surveys.created >= '9999-12-31Z' THEN 'infinity'
            ELSE surveys.created
        END AS created,
        row_number() OVER version = 1 AS is_first,
        surveys.survey_name IS DISTINCT FROM lag(surveys.survey_name) OVER version AS is_renamed
    FROM surveys
    JOIN owner ON owner.id = surveys.userid
    WHERE surveys.shortcode IS NOT NULL
    WINDOW version AS (PARTITION BY surveys.shortcode ORDER BY surveys.created, surveys.id)
),
eras AS (
    SELECT
        shortcode, survey_name,
        CASE WHEN NOT is_first THEN created END AS since,
        lead(created) OVER (PARTITION BY shortcode ORDER BY created, id) AS until
    FROM versions
    WHERE is_first OR is_renamed
)
SELECT eras.shortcode, eras.since, eras.until, array_agg(DISTINCT mine.facebook_page_id) AS pages
FROM eras
JOIN credentials AS mine
    ON mine.userid IN (SELECT id FROM owner) AND mine.entity = 'facebook_page' AND mine.facebook_page_id IS NOT NULL
WHERE eras.survey_name = $2
  AND NOT EXISTS (
      SELECT
      FROM credentials AS theirs
      JOIN surveys ON surveys.userid = theirs.userid AND surveys.shortcode = eras.shortcode
      WHERE theirs.entity = 'facebook_page'
        AND theirs.facebook_page_id = mine.facebook_page_id
        AND theirs.userid NOT IN (SELECT id FROM owner)
  )
GROUP BY eras.shortcode, eras.since, eras.until
ORDER BY eras.shortcode, eras.since NULLS FIRST;

-- name: export_learner_rows
-- All that is kept of a learner ($2) of a tenant ($1): each thread, each message, each text that it had and when (the last
-- is what it says now), and that it was deleted. What a message says is written as the API tells it: its content is in
-- its metadata where it is more than a text (models/threads.py).
SELECT
    'thread' AS record,
    talk.channel AS tenant_id,
    talk.subject_id AS learner_id,
    talk.id AS thread_id,
    talk.id,
    talk.started AS timestamp,
    talk.title,
    talk.archived,
    NULL::varchar AS sender_role,
    NULL::varchar AS sender_id,
    NULL::jsonb AS content,
    NULL::varchar AS message_type,
    NULL::uuid AS reply_to,
    NULL::timestamptz AS edited,
    NULL::timestamptz AS deleted,
    talk.metadata
FROM conversations AS talk
WHERE talk.platform = 'threads' AND talk.channel = $1::varchar AND talk.subject_id = $2::varchar
UNION ALL
SELECT
    'message',
    talk.channel,
    talk.subject_id,
    talk.id,
    said.id,
    said.timestamp,
    NULL,
    NULL,
    said.role,
    said.author_id,
    coalesce(
        said.metadata -> 'chatlog.content',
        CASE WHEN said.content <> '' THEN jsonb_build_object('text', said.content) END
    ),
    said.message_type,
    said.reply_to,
    said.edited,
    said.deleted,
    said.metadata - 'chatlog.content'
FROM conversations AS talk
INNER JOIN messages AS said ON said.platform = 'threads' AND talk.id = said.conversation_id
WHERE talk.platform = 'threads' AND talk.channel = $1 AND talk.subject_id = $2
UNION ALL
SELECT
    CASE version.kind WHEN 'deletion' THEN 'deletion' ELSE 'version' END,
    talk.channel,
    talk.subject_id,
    talk.id,
    version.id,
    version.changed,
    NULL,
    NULL,
    NULL,
    version.changed_by,
    coalesce(
        version.metadata -> 'chatlog.content',
        CASE WHEN version.content <> '' THEN jsonb_build_object('text', version.content) END
    ),
    version.message_type,
    NULL,
    NULL,
    NULL,
    version.metadata - 'chatlog.content'
FROM conversations AS talk
INNER JOIN message_versions AS version ON version.platform = 'threads' AND talk.id = version.conversation_id
WHERE talk.platform = 'threads' AND talk.channel = $1 AND talk.subject_id = $2;
