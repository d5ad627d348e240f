-- users, credentials, surveys, responses: what exports read, where others have not made it.
--
-- What exports read besides chat_log: whose survey it is, whose page, and the answers.
--
-- In production these tables belong to others, so each is made only if the search_path finds none. Theirs stay as they
-- are, whatever else they have; one that lacks a column that is read stops the migration, which then changes nothing.
-- Those made here carry a comment that says so, by which the way back knows what it may drop.
DO
$do$
DECLARE
    has_own_users boolean := to_regclass('users') IS NULL;
    lacking       text;
BEGIN
    IF has_own_users THEN
        CREATE TABLE users (
            id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            email varchar NOT NULL UNIQUE
        );
        COMMENT ON TABLE users IS 'Made by chatlog: who owns surveys.';
    END IF;

    IF to_regclass('credentials') IS NULL THEN
        CREATE TABLE credentials (
            userid           uuid        NOT NULL,
            entity           varchar     NOT NULL,
            key              varchar,
            details          jsonb,
            created          timestamptz NOT NULL DEFAULT now(),
            facebook_page_id varchar
        );
        CREATE INDEX credentials_userid_idx ON credentials (userid, entity);
        COMMENT ON TABLE credentials IS 'Made by chatlog: which owner has which page.';
        COMMENT ON COLUMN credentials.details IS 'Holds secrets: no role of chatlog may read it.';
    END IF;

    IF to_regclass('surveys') IS NULL THEN
        CREATE TABLE surveys (
            id               uuid PRIMARY KEY     DEFAULT gen_random_uuid(),
            userid           uuid        NOT NULL,
            shortcode        varchar     NOT NULL,
            title            varchar,
            survey_name      varchar     NOT NULL DEFAULT 'default',
            created          timestamptz NOT NULL DEFAULT now(),
            formid           varchar,
            form             varchar,
            messages         varchar,
            metadata         jsonb       NOT NULL DEFAULT '{}',
            translation_conf jsonb       NOT NULL DEFAULT '{}'
        );
        CREATE INDEX surveys_survey_name_idx ON surveys (userid, survey_name);
        COMMENT ON TABLE surveys IS
            'Made by chatlog: the forms, a row for each version and translation; a survey is the rows of one name.';
    END IF;

    IF to_regclass('responses') IS NULL THEN
        CREATE TABLE responses (
            parent_shortcode    varchar,
            surveyid            uuid,
            shortcode           varchar,
            flowid              bigint,
            userid              varchar     NOT NULL,
            question_ref        varchar     NOT NULL,
            question_idx        bigint,
            question_text       varchar,
            response            varchar,
            seed                bigint,
            timestamp           timestamptz NOT NULL,
            metadata            jsonb,
            pageid              varchar,
            translated_response varchar,
            PRIMARY KEY (userid, timestamp, question_ref)
        );
        -- A survey's answers, person by person, in order.
        CREATE INDEX responses_survey_idx ON responses (surveyid, userid, timestamp, question_ref);
        COMMENT ON TABLE responses IS 'Made by chatlog: one row an answer.';
    END IF;

    -- Nothing of ours refers to tables of others: they could neither drop nor rebuild them any more.
    IF has_own_users THEN
        IF obj_description('surveys'::regclass, 'pg_class') LIKE 'Made by chatlog:%' THEN
            ALTER TABLE surveys ADD CONSTRAINT surveys_userid_fkey FOREIGN KEY (userid) REFERENCES users (id);
        END IF;
        IF obj_description('credentials'::regclass, 'pg_class') LIKE 'Made by chatlog:%' THEN
            ALTER TABLE credentials
                ADD CONSTRAINT credentials_userid_fkey FOREIGN KEY (userid) REFERENCES users (id);
        END IF;
    END IF;

    SELECT string_agg(concat_ws(' ', relation || '.' || name, type), ', ' ORDER BY relation, name)
    INTO lacking
    FROM (VALUES
        ('users', 'id', 'uuid'), ('users', 'email', NULL),
        ('credentials', 'userid', 'uuid'), ('credentials', 'entity', NULL), ('credentials', 'facebook_page_id', NULL),
        ('surveys', 'id', 'uuid'), ('surveys', 'userid', 'uuid'), ('surveys', 'shortcode', NULL),
        ('surveys', 'title', NULL), ('surveys', 'survey_name', NULL), ('surveys', 'created', NULL),
        ('responses', 'parent_shortcode', NULL), ('responses', 'surveyid', 'uuid'), ('responses', 'shortcode', NULL),
        ('responses', 'flowid', NULL), ('responses', 'userid', NULL), ('responses', 'question_ref', NULL),
        ('responses', 'question_idx', NULL), ('responses', 'question_text', NULL), ('responses', 'response', NULL),
        ('responses', 'seed', NULL), ('responses', 'timestamp', NULL), ('responses', 'metadata', NULL),
        ('responses', 'pageid', NULL), ('responses', 'translated_response', NULL)
    ) AS needed (relation, name, type)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_attribute
        WHERE attrelid = to_regclass(needed.relation) AND attname = needed.name AND NOT attisdropped
          AND (needed.type IS NULL OR atttypid = to_regtype(needed.type))
    );
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'exports read %, which the tables that are here do not have: let their owner add it, '
            'or put a view with these columns first in the search_path', lacking
            USING ERRCODE = 'undefined_column';
    END IF;
END
$do$;
