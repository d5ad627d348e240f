-- How many dead letters are kept, and how many of them nobody has replayed, by reason.
SELECT reason, count(*) AS kept, count(*) FILTER (WHERE replayed_at IS NULL) AS pending
FROM dead_letters
GROUP BY reason
ORDER BY kept DESC, reason
