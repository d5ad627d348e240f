-- Which owner has which page. These columns and no others: `details` holds secrets, and nobody of ours may
-- read it.
SELECT facebook_page_id AS id, userid::varchar AS owner
FROM credentials
WHERE entity = 'facebook_page' AND facebook_page_id IS NOT NULL
