-- survey_shares: with whom a survey is shared; export_status says whose survey an export is of.
--
-- With whom an owner shares a survey. A survey is known by its owner's address and its name, as exports know it: each
-- version and translation is a row of surveys, which may be another's table, so nothing here refers to one.
CREATE TABLE survey_shares (
    owner       varchar     NOT NULL CHECK (owner = owner_address(owner)),
    survey_name varchar     NOT NULL,
    address     varchar     NOT NULL CHECK (address = owner_address(address) AND address <> owner),
    shared_by   varchar     NOT NULL,
    shared      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, survey_name, address)
);
-- What is shared with somebody, for their list of surveys.
CREATE INDEX survey_shares_address_idx ON survey_shares (address, owner, survey_name);

COMMENT ON TABLE survey_shares IS 'With whom owners share their surveys: who may see and export one.';
COMMENT ON COLUMN survey_shares.owner IS 'Whose survey it is, in the one form of an address (owner_address).';
COMMENT ON COLUMN survey_shares.address IS 'With whom it is shared, in the one form of an address.';
COMMENT ON COLUMN survey_shares.shared_by IS 'Who did it.';

-- Two surveys of one name, one's own and one that is shared, are two. Others, who insert rows too, know none of these.
DO
$do$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = 'export_status'::regclass AND attname = 'survey_owner' AND NOT attisdropped) THEN
        RAISE EXCEPTION 'the table export_status that is here has survey_owner, which chatlog adds with a meaning of '
            'its own: let its owner rename it (ALTER TABLE export_status RENAME COLUMN ... TO ...), or drop it if '
            'nobody needs it, and run this again'
            USING ERRCODE = 'duplicate_column';
    END IF;
END
$do$;
ALTER TABLE export_status ADD COLUMN survey_owner varchar;
COMMENT ON COLUMN export_status.survey_owner IS
    'Whose survey it is of, where that is not whoever asked: it was shared with them.';
