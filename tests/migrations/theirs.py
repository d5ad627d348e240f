"""The tables as their owners have them in production: with more columns, other names, and rows."""

USERS = """
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE, password_hash text);
INSERT INTO users VALUES ('00000000-0000-4000-8000-000000000001', 'ann@example.org', 'secret');
"""
CREDENTIALS = """
CREATE TABLE credentials (
    userid uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    entity varchar NOT NULL, key varchar NOT NULL,
    created timestamptz NOT NULL DEFAULT now(), details jsonb NOT NULL,
    facebook_page_id varchar GENERATED ALWAYS AS
        (CASE WHEN entity = 'facebook_page' THEN details ->> 'id' END) STORED,
    UNIQUE (userid, entity, key));
INSERT INTO credentials (userid, entity, key, details)
VALUES ('00000000-0000-4000-8000-000000000001', 'facebook_page', 'k', '{"id": "page", "token": "secret"}');
"""
SURVEYS = """
CREATE TABLE surveys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), created timestamptz NOT NULL, formid varchar NOT NULL,
    form varchar NOT NULL, shortcode varchar NOT NULL, title varchar NOT NULL,
    userid uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE, has_followup boolean,
    survey_name varchar NOT NULL DEFAULT 'default', settings jsonb);
INSERT INTO surveys (created, formid, form, shortcode, title, userid, survey_name)
VALUES (now(), 'f', '{}', 'form', 'Title', '00000000-0000-4000-8000-000000000001', 'Name');
"""
RESPONSES = """
CREATE TABLE responses (
    parent_surveyid uuid REFERENCES surveys (id), parent_shortcode varchar NOT NULL,
    surveyid uuid NOT NULL REFERENCES surveys (id), shortcode varchar NOT NULL, flowid integer NOT NULL,
    userid varchar NOT NULL, question_ref varchar NOT NULL, question_idx integer NOT NULL,
    question_text varchar NOT NULL, response varchar NOT NULL, seed bigint NOT NULL, pageid varchar,
    clusterid varchar GENERATED ALWAYS AS (metadata ->> 'clusterid') STORED, timestamp timestamptz NOT NULL,
    metadata jsonb, translated_response varchar, PRIMARY KEY (userid, timestamp, question_ref));
INSERT INTO responses (parent_shortcode, surveyid, shortcode, flowid, userid, question_ref, question_idx,
    question_text, response, seed, pageid, timestamp)
SELECT 'form', id, 'form', 0, 'u', 'q', 0, 'How old?', '7', 1, 'page', now() FROM surveys;
"""
TABLES = USERS + CREDENTIALS + SURVEYS + RESPONSES

#: One row per survey and owner, overwritten by each export.
FIRST_EXPORT_STATUS = """
CREATE TABLE export_status (
    updated timestamptz DEFAULT now(), user_id varchar NOT NULL, survey_id varchar NOT NULL,
    status varchar NOT NULL, export_link varchar NOT NULL,
    CONSTRAINT one_export_each UNIQUE (survey_id, user_id));
INSERT INTO export_status VALUES
    ('2025-01-01', 'ann@example.org', 'Name', 'Finished', 'https://example.org/1'),
    ('2025-01-02', 'ann@example.org', 'Other', 'Failed', 'Not Found'),
    (NULL, 'ben@example.org', 'Name', 'Started', 'Not Found');
"""
#: One row an export.
REDESIGNED_EXPORT_STATUS = """
CREATE TABLE export_status (
    updated timestamptz DEFAULT now(), user_id varchar NOT NULL, survey_id varchar NOT NULL,
    status varchar NOT NULL, export_link varchar NOT NULL, id uuid DEFAULT gen_random_uuid(),
    source varchar NOT NULL DEFAULT 'responses', notes varchar);
CREATE UNIQUE INDEX idx_export_status_id ON export_status (id);
CREATE INDEX idx_export_status_survey ON export_status (survey_id);
INSERT INTO export_status VALUES
    ('2025-01-01', 'ann@example.org', 'Name', 'Finished', 'https://example.org/1',
     '00000000-0000-4000-8000-000000000001', 'chat_log', 'theirs'),
    ('2025-01-02', 'ann@example.org', 'Name', 'Finished', 'https://example.org/2',
     '00000000-0000-4000-8000-000000000002', 'responses', NULL);
"""
