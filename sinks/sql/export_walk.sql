-- While an export of chat_log reads. Its indexes have the rows in order, so walking them gives the first row at once;
-- PostgreSQL would rather read everything and sort it (on disk), to be done a little sooner, as it believes.
SET LOCAL statement_timeout = 0;
SET LOCAL jit = off;
-- A note in place of a value counts itself here.
SET LOCAL chatlog.cells_not_shown = 0;
SET LOCAL enable_sort = off;
-- A bitmap forgets the order.
SET LOCAL enable_bitmapscan = off
