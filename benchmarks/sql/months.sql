-- When so many months begin and end, this one being the last, in ms since 1970. The session speaks UTC.
SELECT
    (extract(epoch FROM this_month - make_interval(months => $1 - 1)) * 1000)::bigint,
    (extract(epoch FROM this_month + interval '1 month') * 1000)::bigint
FROM date_trunc('month', now()) AS this_month
