-- What pages ask of chat_log, the index that it lacks for one of them, and what all of them cost.

-- name: replay_conversation
-- All that one person and the bots said, in order. Each partition's primary key gives its rows in this order, so
-- nothing is sorted but the few streams.
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE userid = $1
ORDER BY timestamp, direction;

-- name: replay_page
-- The next page of a conversation, after the last row of the page before ('-infinity' and '' for the first).
-- The comparison of rows finds the place in the index, and says nothing about partitions to the planner: the
-- condition on the timestamp alone leaves out those that are past.
-- The limit is a parameter on purpose: with a number here, the plan that PostgreSQL keeps for all users reads and
-- sorts the whole rest of the conversation (page of 100 of 8,000 messages: 16 ms instead of 2.3 ms).
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE userid = $1
    AND timestamp >= $2
    AND (timestamp, direction) > ($2, $3)
ORDER BY timestamp, direction
LIMIT $4;

-- name: survey_page
-- The next page of a survey, person by person, after the last row of the page before ('', '-infinity' and '' for
-- the first). chat_log_shortcode_idx gives the order; the direction, which it lacks, decides between rows of one
-- person and one millisecond only.
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE shortcode = $1
    AND (userid, timestamp, direction) > ($2, $3, $4)
ORDER BY userid, timestamp, direction
LIMIT $5;

-- name: survey_newest
-- The next page of a survey, the newest first, before the last row of the page before ('infinity' and '' for the
-- first). The condition on the timestamp alone leaves out the partitions that are later.
SELECT
    userid, pageid, timestamp, direction, content, question_ref,
    shortcode, surveyid, message_type, raw_payload, metadata
FROM chat_log
WHERE shortcode = $1
    AND timestamp <= $2
    AND (timestamp, userid, direction) < ($2, $3, $4)
ORDER BY timestamp DESC, userid DESC, direction DESC
LIMIT $5;

-- name: index_newest
-- The index that a survey's page needs when the newest come first: no other has a survey's rows in the order of time.
CREATE INDEX chat_log_newest_idx ON chat_log (shortcode, timestamp);

-- name: sizes
-- The table and each of its indexes: bytes in all partitions together, and how many pages a look-up reads from the
-- root to a leaf in the tallest of them (a B-tree's first page says so; read the file after a checkpoint).
SELECT
    parts.name,
    sum(pg_table_size(parts.relid))::bigint AS bytes,
    max(CASE WHEN access.amname = 'btree' AND pg_relation_size(parts.relid) > 0
        THEN 1 + get_byte(pg_read_binary_file(pg_relation_filepath(parts.relid), 36, 1), 0) END) AS depth
FROM (
    SELECT index.indexrelid::regclass::text AS name, tree.relid, tree.isleaf
    FROM pg_index AS index
    CROSS JOIN LATERAL pg_partition_tree(index.indexrelid) AS tree
    WHERE index.indrelid = 'chat_log'::regclass
    UNION ALL
    SELECT 'chat_log', relid, isleaf FROM pg_partition_tree('chat_log')
) AS parts
JOIN pg_class ON pg_class.oid = parts.relid
LEFT JOIN pg_am AS access ON access.oid = pg_class.relam
WHERE parts.isleaf
GROUP BY parts.name
ORDER BY parts.name;
