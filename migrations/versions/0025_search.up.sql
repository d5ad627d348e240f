-- search: the words of what was said, in any script, and which places say their language.
--
-- The words of a text. Its letters are taken as they are ('simple'), so that a word is found in every language. Scripts
-- that put no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese, and Korean, whose words have endings)
-- are taken letter by letter: whoever looks for a word there asks for its letters, and then for the word itself.
-- The punctuation of other scripts is a space, since what PostgreSQL takes for it depends on the database's locale.
-- models/search.py has the same letters and marks.
--
-- In plpgsql, so that it is not inlined, and dear, as it is: with an honest cost the planner looks for words in an
-- index before it takes texts apart. A text of over 1 MB would be refused, with its row: its beginning will do.
CREATE FUNCTION fts(said varchar) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS
$function$
BEGIN
    IF octet_length(said) = length(said) THEN
        RETURN to_tsvector('pg_catalog.simple', left(said, 100000));
    END IF;
    RETURN to_tsvector('pg_catalog.simple', regexp_replace(left(said, 100000), 
        '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff])'
        '|[؟،؛।॥。，！？、：；…“”‘’«»]', ' \1 ', 'g'));
END
$function$;

-- The same with words brought to their stems, as a language has it: english, arabic, whichever PostgreSQL knows. The
-- expression is repeated, because a function that an index is made of finds nothing of ours by its name.
CREATE FUNCTION fts(language varchar, said varchar) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000
AS
$function$
BEGIN
    IF octet_length(said) = length(said) THEN
        RETURN to_tsvector(('pg_catalog.' || language)::regconfig, left(said, 100000));
    END IF;
    RETURN to_tsvector(('pg_catalog.' || language)::regconfig, regexp_replace(left(said, 100000), 
        '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff])'
        '|[؟،؛।॥。，！？、：；…“”‘’«»]', ' \1 ', 'g'));
END
$function$;
GRANT EXECUTE ON FUNCTION fts(varchar), fts(varchar, varchar) TO PUBLIC;
COMMENT ON FUNCTION fts(varchar) IS 'The words of a text: what it is searched by.';
COMMENT ON FUNCTION fts(varchar, varchar) IS 'The stems of the words of a text in a language.';

-- The indexes of words are no part of a table: a new month would have them from its first row on, and be written to at
-- two thirds of the speed. `chatlog maintain` makes them, piece by piece, of days and months that are over.


CREATE TABLE search_languages (
    place      varchar PRIMARY KEY,
    language   varchar     NOT NULL,
    changed    timestamptz NOT NULL DEFAULT now(),
    changed_by varchar     NOT NULL
);
COMMENT ON TABLE search_languages IS 'In which language people speak where: there, words are found by their stems, too.';
COMMENT ON COLUMN search_languages.place IS 'platform:twitch, channel:twitch/918273645 or survey:Name, as scopes name them.';
COMMENT ON COLUMN search_languages.language IS 'As PostgreSQL calls it: english, arabic, hindi.';


-- Whole texts would lie in the statistics otherwise, also of messages that were deleted; and those that do are forgotten,
-- where the server can.
ALTER TABLE chat_log ALTER COLUMN content SET STATISTICS 0;
DO
$do$
DECLARE
    part record;
BEGIN
    IF to_regproc('pg_catalog.pg_clear_attribute_stats') IS NOT NULL THEN
        FOR part IN
            SELECT nspname, relname, inherited
            FROM pg_partition_tree('chat_log') JOIN pg_class ON pg_class.oid = relid
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            CROSS JOIN unnest(ARRAY[true, false]) AS inherited
        LOOP
            PERFORM pg_clear_attribute_stats(part.nspname, part.relname, 'content', part.inherited);
        END LOOP;
    END IF;
END
$do$;

-- As 0001 made it, and new months have no texts in their statistics either.
CREATE OR REPLACE FUNCTION chat_log_make_partitions(months_back integer DEFAULT 3, months_ahead integer DEFAULT 3)
    RETURNS SETOF text
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET timezone = 'UTC'
    SET lock_timeout = '5s'
AS
$function$
DECLARE
    home       text := (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'chat_log'::regclass);
    this_month timestamptz := date_trunc('month', now());
    month_from timestamptz;
    month_to   timestamptz;
    name       text;
BEGIN
    IF months_back NOT BETWEEN 0 AND 120 OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_back and months_ahead are from 0 to 120, not % and %', months_back, months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    PERFORM FROM generate_series(-months_back, months_ahead) AS distance
    WHERE to_regclass(home || '.chat_log_'
                      || to_char(this_month + make_interval(months => distance), 'YYYY_MM')) IS NULL;
    IF NOT found THEN
        RETURN;
    END IF;

    LOCK TABLE ONLY chat_log, chat_log_default IN ACCESS EXCLUSIVE MODE;

    FOR distance IN -months_back .. months_ahead LOOP
        month_from := this_month + make_interval(months => distance);
        month_to := this_month + make_interval(months => distance + 1);
        name := 'chat_log_' || to_char(month_from, 'YYYY_MM');
        CONTINUE WHEN to_regclass(home || '.' || name) IS NOT NULL;

        EXECUTE format('CREATE TABLE %s.%s (LIKE chat_log INCLUDING ALL EXCLUDING COMMENTS)', home, name);
        EXECUTE format('ALTER TABLE %s.%s ALTER COLUMN content SET STATISTICS 0', home, name);
        EXECUTE format('WITH moved AS ('
                       '    DELETE FROM chat_log_default WHERE timestamp >= $1 AND timestamp < $2 RETURNING *'
                       ') INSERT INTO %s.%s SELECT * FROM moved', home, name)
            USING month_from, month_to;
        EXECUTE format('ALTER TABLE chat_log ATTACH PARTITION %s.%s FOR VALUES FROM (%L) TO (%L)',
                       home, name, month_from, month_to);
        RETURN NEXT name;
    END LOOP;
END
$function$;

DO
$do$
BEGIN
    EXECUTE format('ALTER FUNCTION chat_log_make_partitions(integer, integer) '
                   'SET search_path = pg_catalog, %I, pg_temp', current_schema());
END
$do$;
