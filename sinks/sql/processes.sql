-- Which processes run (`processes`): each writes its own row, and whoever shows how the system is reads all.

-- name: beat
-- Say that a process runs, and how it is.
INSERT INTO processes AS known (id, kind, role, host, address, version, verdict, reasons, partitions, started)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE SET
    address    = excluded.address,
    verdict    = excluded.verdict,
    reasons    = excluded.reasons,
    partitions = excluded.partitions,
    seen       = now();

-- name: leave
-- A process ends as it should: nobody has to look for it.
DELETE FROM processes WHERE id = $1;

-- name: forget_processes
-- Nobody looks any more for what was last seen so many seconds ago.
DELETE FROM processes WHERE seen < now() - make_interval(secs => $1);

-- name: find_processes
-- All that run, or were not seen to end; by the database's clock, as its times are.
SELECT id, kind, role, host, address, version, verdict, reasons, partitions, started,
       extract(epoch FROM greatest(now() - seen, interval '0'))::float8 AS silent_s
FROM processes
ORDER BY kind DESC, role, started, id;

-- name: look_at_database
-- Which server it is, how large the database, and at which revision its tables are.
SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
       (SELECT max(version_num)::varchar FROM chatlog_schema_version) AS revision;
