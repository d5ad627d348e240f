-- The rows of export jobs. A worker claims one by a lease, keeps it and ends it, and only changes what is under
-- its token; the API asks for exports, and knows those of whoever asks. A survey is known by its owner and its name,
-- and is of whoever asked, unless the row names another owner, who shared it.

-- name: look_at_export
-- How a job is: whose it is, how far it is, and whether somebody works on it.
SELECT user_id, coalesce(survey_owner, user_id) AS survey_owner, survey_id, source, asked_as, status,
       removed IS NOT NULL AS removed,
       coalesce(lease_token IS NOT NULL AND lease_until >= now(), false) AS leased
FROM export_status
WHERE id = $1;

-- name: claim_export
-- Take a job that nobody works on: a free one, or one whose worker has not been heard of for as long as a lease lasts.
-- Asked again with the same token, as the answer may have been lost on the way, it is the same claim.
UPDATE export_status
SET lease_token = $2, lease_until = now() + $3, attempt = attempt + 1, status = 'Querying',
    rows_done = 0, bytes_done = 0
WHERE id = $1
  AND status NOT IN ('Finished', 'Failed')
  AND removed IS NULL
  AND (lease_token IS NULL OR lease_token = $2 OR lease_until IS NULL OR lease_until < now())
RETURNING attempt;

-- name: extend_export
-- Show that the work goes on, and how far it is. No row: the lease is lost, by a cancel or to another worker.
UPDATE export_status
SET lease_until = now() + $3, status = $4, rows_done = $5, bytes_done = $6,
    rows_estimate = coalesce($7, rows_estimate)
WHERE id = $1 AND lease_token = $2;

-- name: finish_export
-- The file is there. What an earlier attempt failed of is over.
UPDATE export_status
SET status = 'Finished', export_link = $3, object_key = $4, rows_done = $5, bytes_done = $6,
    cells_not_shown = $7, finished = now(), reason = NULL, lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2;

-- name: fail_export
-- There will be no file, and why.
UPDATE export_status
SET status = 'Failed', reason = $3, lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2;

-- name: release_export
-- Leave a job to whoever takes it next, at once. An attempt that was not to blame is not counted.
UPDATE export_status
SET status = 'Started', lease_token = NULL, lease_until = NULL, rows_done = 0, bytes_done = 0,
    attempt = greatest(attempt - $3::int, 0)
WHERE id = $1 AND lease_token = $2;

-- name: insert_export
-- Ask for an export of the survey $3 of the owner $2: a row only if there is one, and if $1 did not ask for the very
-- same within $6: one that is over by then may well be wanted again, if it was not within a second. `published` NULL is
-- the outbox: the row's job is not in Kafka yet. (The column's default is for rows of others, who send their jobs
-- themselves.)
INSERT INTO export_status (user_id, survey_owner, survey_id, status, export_link, source, options, published)
SELECT $1::varchar, CASE WHEN owner_address($2) <> owner_address($1) THEN owner_address($2) END, $3::varchar,
       'Started', 'Not Found', $4::varchar, $5::jsonb, NULL
WHERE EXISTS (
    SELECT FROM surveys JOIN users ON users.id = surveys.userid
    WHERE owner_address(users.email) = owner_address($2) AND surveys.survey_name = $3
) AND NOT EXISTS (
    SELECT FROM export_status
    WHERE owner_address(user_id) = owner_address($1)
      AND owner_address(coalesce(survey_owner, user_id)) = owner_address($2) AND survey_id = $3
      AND source = $4 AND options = $5
      -- Not now(): this may have waited since then for the one that it is to find.
      AND clock_timestamp() - created
          < CASE WHEN status IN ('Finished', 'Failed') THEN least($6, interval '1 second') ELSE $6::interval END
)
RETURNING *;

-- name: queue_requests
-- Requests of one caller for one survey go one after the other, whichever processes they came to, until each
-- transaction ends: what asks next sees the row of the one before. A process that freezes in between lets go, too.
SELECT set_config('idle_in_transaction_session_timeout', '15s', true),
       pg_advisory_xact_lock(hashtextextended($1 || E'\n' || $2 || E'\n' || $3, 0));

-- name: insert_messages_export
-- Ask for an export of messages, as `insert_export` does of a survey: $1 asks, who is as $4 says; of no survey, so its
-- name is empty.
INSERT INTO export_status (user_id, survey_id, status, export_link, source, options, asked_as, published)
SELECT $1::varchar, '', 'Started', 'Not Found', $2::varchar, $3::jsonb, $4::jsonb, NULL
WHERE NOT EXISTS (
    SELECT FROM export_status
    WHERE owner_address(user_id) = owner_address($1) AND survey_id = ''
      AND source = $2 AND options = $3 AND asked_as = $4
      AND clock_timestamp() - created
          < CASE WHEN status IN ('Finished', 'Failed') THEN least($5, interval '1 second') ELSE $5::interval END
)
RETURNING *;

-- name: find_export
-- An export. Whoever asks has to be asked whether they may see it.
SELECT * FROM export_status WHERE id = $1;

-- name: find_exports
-- Some of those that $1 asked for, the one that changed last first; of the survey ($2, $3), unless $3 is NULL; of
-- those that lie within the scope $4, unless it is NULL; what follows the place ($5, $6) in that order, unless $5 is NULL. Rows
-- of the system before may lack `updated`. Asked for among the people of the tenant $8: all but messages is the default
-- one's.
SELECT * FROM export_status
WHERE owner_address(user_id) = owner_address($1)
  AND coalesce(asked_as ->> 'tenant', 'default') = $8
  AND ($3::varchar IS NULL
       OR (survey_id = $3 AND owner_address(coalesce(survey_owner, user_id)) = owner_address($2)))
  AND ($4::varchar[] IS NULL OR (asked_as IS NULL AND 'survey:' || survey_id = ANY ($4))
       OR (asked_as -> 'scope' <> '[]' AND asked_as -> 'scope' <@ to_jsonb($4)))
  AND ($5::timestamptz IS NULL OR (coalesce(updated, created), id) < ($5, $6::uuid))
ORDER BY coalesce(updated, created) DESC, id DESC
LIMIT $7;

-- name: find_exports_of_all
-- Some of those that anybody asked for, in the order of `find_exports`; those that lie within the scope $1, unless it is
-- NULL; what follows the place ($2, $3), unless $2 is NULL; of the tenant $5.
SELECT * FROM export_status
WHERE coalesce(asked_as ->> 'tenant', 'default') = $5 AND ($1::varchar[] IS NULL OR (asked_as IS NULL AND 'survey:' || survey_id = ANY ($1))
       OR (asked_as -> 'scope' <> '[]' AND asked_as -> 'scope' <@ to_jsonb($1)))
  AND ($2::timestamptz IS NULL OR (coalesce(updated, created), id) < ($2, $3::uuid))
ORDER BY coalesce(updated, created) DESC, id DESC
LIMIT $4;

-- name: look_for_exports
-- Those that $1 asked for, or anybody where it is NULL, and that lie within the scope $2, unless it is NULL; each of the
-- other conditions unless it is NULL: of the kinds $3, in one of the states $4 (as `models.exports.State` tells them), with
-- $5 in the survey's name, asked for since $6 and before $7, of the survey $9 of the owner $8. Of the tenant $10. In no
-- order.
SELECT *
FROM (
    SELECT *, CASE
        WHEN removed IS NOT NULL THEN 'Removed'
        WHEN status = 'Finished' AND finished IS NOT NULL AND rows_done = 0 THEN 'Empty'
        WHEN status = 'Failed' AND cancelled IS NOT NULL THEN 'Cancelled'
        ELSE status
    END AS state
    FROM export_status
    WHERE ($1::varchar IS NULL OR owner_address(user_id) = owner_address($1))
      AND coalesce(asked_as ->> 'tenant', 'default') = $10
      AND ($2::varchar[] IS NULL OR (asked_as IS NULL AND 'survey:' || survey_id = ANY ($2))
           OR (asked_as -> 'scope' <> '[]' AND asked_as -> 'scope' <@ to_jsonb($2)))
) AS asked
WHERE ($3::varchar[] IS NULL OR source = ANY ($3))
  AND ($4::varchar[] IS NULL OR state = ANY ($4))
  AND ($5::varchar IS NULL OR strpos(lower(survey_id), lower($5)) > 0)
  AND ($6::timestamptz IS NULL OR created >= $6)
  AND ($7::timestamptz IS NULL OR created < $7)
  AND ($9::varchar IS NULL
       OR (survey_id = $9 AND owner_address(coalesce(survey_owner, user_id)) = owner_address($8)));

-- name: find_troubled_exports
-- Of those that $1 asked for, or anybody where it is NULL, and that lie within the scope $2, unless it is NULL, and changed
-- since $3: the latest in each kind of trouble, and how many are in it. It failed, its owner did not end it, and it did not
-- succeed when it was asked for again; nobody has worked on it since $4; or workers began it more than once. Of the tenant
-- $5.
SELECT DISTINCT ON (trouble) *, count(*) OVER (PARTITION BY trouble) AS many
FROM (
    SELECT *, CASE
        WHEN status = 'Failed' THEN 'failed'
        WHEN greatest(lease_until, updated, created) < $4 THEN 'waits'
        WHEN attempt > 1 THEN 'again'
    END AS trouble
    FROM export_status
    WHERE ($1::varchar IS NULL OR owner_address(user_id) = owner_address($1))
      AND ($2::varchar[] IS NULL OR (asked_as IS NULL AND 'survey:' || survey_id = ANY ($2))
           OR (asked_as -> 'scope' <> '[]' AND asked_as -> 'scope' <@ to_jsonb($2)))
      AND coalesce(asked_as ->> 'tenant', 'default') = $5
      AND greatest(updated, created) >= $3::timestamptz
      AND status <> 'Finished' AND cancelled IS NULL AND removed IS NULL
) AS troubled
WHERE trouble IS NOT NULL AND NOT (trouble = 'failed' AND EXISTS (
    SELECT FROM export_status AS again
    WHERE owner_address(again.user_id) = owner_address(troubled.user_id) AND again.survey_id = troubled.survey_id
      AND again.source = troubled.source AND again.status = 'Finished' AND again.created > troubled.created
))
ORDER BY trouble, greatest(updated, created) DESC, id DESC;

-- name: find_latest_exports
-- The newest of those that $1 asked for, of each survey by owners $2 and names $3.
SELECT DISTINCT ON (owner_address(coalesce(survey_owner, user_id)), survey_id) *
FROM export_status
WHERE owner_address(user_id) = owner_address($1) AND survey_id = ANY ($3::varchar[])
  AND (owner_address(coalesce(survey_owner, user_id)), survey_id)
      IN (SELECT owner, survey_name FROM unnest($2::varchar[], $3::varchar[]) AS named (owner, survey_name))
ORDER BY owner_address(coalesce(survey_owner, user_id)), survey_id, created DESC, id DESC;

-- name: count_exports
-- How many $1 asked for of the survey $3 of the owner $2.
SELECT count(*) FROM export_status
WHERE owner_address(user_id) = owner_address($1)
  AND owner_address(coalesce(survey_owner, user_id)) = owner_address($2) AND survey_id = $3;

-- name: cancel_export
-- End an export that is not over. Its worker finds its lease gone, and stops without a trace.
UPDATE export_status
SET status = 'Failed', reason = 'Cancelled by its owner', cancelled = now(), lease_token = NULL, lease_until = NULL
WHERE id = $2 AND owner_address(user_id) = owner_address($1) AND status NOT IN ('Finished', 'Failed')
RETURNING *;

-- name: retry_export
-- Begin a failed export again, as its own row. The reason stays until it succeeds. `published` NULL: its job
-- is to be sent again. The attempts are counted from the beginning, as a worker gives up after too many.
UPDATE export_status
SET status = 'Started', export_link = 'Not Found', published = NULL, lease_token = NULL, lease_until = NULL,
    attempt = 0, rows_done = 0, bytes_done = 0, cells_not_shown = 0, finished = NULL, cancelled = NULL
WHERE id = $2 AND owner_address(user_id) = owner_address($1) AND status = 'Failed'
RETURNING *;

-- name: remove_export
-- Note that the file of a finished export is gone.
UPDATE export_status
SET removed = now(), export_link = 'Not Found'
WHERE id = $2 AND owner_address(user_id) = owner_address($1) AND status = 'Finished' AND removed IS NULL
RETURNING *;

-- name: take_unpublished
-- Exports whose job is not in Kafka yet, oldest first. Locked until they are marked: a worker that takes the
-- job at once, or an owner who cancels, waits for that; another process leaves them out.
SELECT id, user_id, survey_owner, survey_id, source, options, asked_as
FROM export_status
WHERE published IS NULL AND status = 'Started' AND removed IS NULL
ORDER BY created
LIMIT 100
FOR UPDATE SKIP LOCKED;

-- name: mark_published
-- Their jobs are in Kafka.
UPDATE export_status SET published = now() WHERE id = ANY ($1::uuid[]);

-- name: count_unpublished
-- How many exports wait for Kafka.
SELECT count(*) FROM export_status WHERE published IS NULL AND status = 'Started' AND removed IS NULL;

-- name: refuse_unpublished
-- Rows of another version or program, of which this one cannot make a job.
UPDATE export_status
SET status = 'Failed', reason = 'This kind of export is not known here; tell the operator'
WHERE id = ANY ($1::uuid[]);
