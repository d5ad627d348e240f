-- A survey of an owner; once.
WITH owner AS (
    INSERT INTO users (email) VALUES ($1::varchar) ON CONFLICT (email) DO UPDATE SET email = EXCLUDED.email RETURNING id
)
INSERT INTO surveys (id, userid, survey_name, shortcode, created)
SELECT $3::uuid, owner.id, $2::varchar, $2::varchar, 'epoch' FROM owner
ON CONFLICT (id) DO NOTHING
