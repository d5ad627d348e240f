-- While an export reads. It may take hours, and compiling its statement never pays.
SET LOCAL statement_timeout = 0;
SET LOCAL jit = off;
-- A note in place of a value counts itself here.
SET LOCAL chatlog.cells_not_shown = 0
