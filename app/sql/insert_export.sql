-- Ask for an export: a row only if the survey is the owner's. `published` NULL is the outbox: the row's job
-- is not in Kafka yet. (The column's default is for rows of others, who send their jobs themselves.)
INSERT INTO export_status (user_id, survey_id, status, export_link, source, options, published)
SELECT $1::varchar, $2::varchar, 'Started', 'Not Found', $3::varchar, $4::jsonb, NULL
WHERE EXISTS (
    SELECT FROM surveys JOIN users ON users.id = surveys.userid
    WHERE users.email = $1 AND surveys.survey_name = $2
)
RETURNING *
