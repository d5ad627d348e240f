-- Every survey, without its form. What was made at no time, or at an infinite one, cannot be compared.
SELECT
    id::varchar AS id,
    userid::varchar AS owner,
    shortcode,
    round(extract(epoch FROM created) * 1000000)::bigint AS created_us
FROM surveys
WHERE userid IS NOT NULL AND shortcode IS NOT NULL AND isfinite(created)
