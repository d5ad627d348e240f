-- Ask for an export: a row only if the survey is the owner's, and the very same was not asked for within $5: one
-- that is over by then may well be wanted again, if it was not within a second. `published` NULL is the outbox: the
-- row's job is not in Kafka yet. (The column's default is for rows of others, who send their jobs themselves.)
INSERT INTO export_status (user_id, survey_id, status, export_link, source, options, published)
SELECT $1::varchar, $2::varchar, 'Started', 'Not Found', $3::varchar, $4::jsonb, NULL
WHERE EXISTS (
    SELECT FROM surveys JOIN users ON users.id = surveys.userid
    WHERE owner_address(users.email) = owner_address($1) AND surveys.survey_name = $2
) AND NOT EXISTS (
    SELECT FROM export_status
    WHERE owner_address(user_id) = owner_address($1) AND survey_id = $2 AND source = $3 AND options = $4
      -- Not now(): this may have waited since then for the one that it is to find.
      AND clock_timestamp() - created
          < CASE WHEN status IN ('Finished', 'Failed') THEN least($5, interval '1 second') ELSE $5::interval END
)
RETURNING *
