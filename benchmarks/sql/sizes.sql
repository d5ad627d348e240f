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
ORDER BY parts.name
