-- Put surveyids into rows that have none, named by their primary keys. What another filled meanwhile stays.
UPDATE chat_log
SET surveyid = found.surveyid
FROM unnest($1::varchar[], $2::timestamptz[], $3::varchar[], $4::uuid[])
    AS found (userid, timestamp, direction, surveyid)
WHERE
    chat_log.userid = found.userid
    AND chat_log.timestamp = found.timestamp
    AND chat_log.direction = found.direction
    AND chat_log.surveyid IS NULL
