-- Where made entries are: what a page that begins behind one of them is asked with.
SELECT
    number, userid, shortcode, direction,
    'epoch'::timestamptz + timestamp * interval '1 millisecond' AS timestamp
FROM unnest($1::bigint[]) AS number
CROSS JOIN LATERAL make_entries(number, 1, $2, $3, $4, $5)
