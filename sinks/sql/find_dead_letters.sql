-- Which dead letters are meant: their ids, oldest first, by reason and topic. NULL leaves a filter out.
-- Every command begins here, so what comes in while it works is not touched by it: above all not the records
-- that it has replayed and that were refused again.
SELECT reason, topic, array_agg(id ORDER BY id) AS ids
FROM dead_letters
WHERE ($1::bigint[] IS NULL OR id = ANY ($1))
  AND ($2::varchar[] IS NULL OR reason = ANY ($2))
  AND ($3::varchar[] IS NULL OR topic = ANY ($3))
  AND ($4::timestamptz IS NULL OR created >= $4)
  AND ($5::timestamptz IS NULL OR created < $5)
  AND ($6::boolean IS NULL OR (replayed_at IS NOT NULL) = $6)
GROUP BY reason, topic
ORDER BY count(*) DESC, reason, topic
