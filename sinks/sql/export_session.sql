-- While an export reads. It may take hours, and compiling its statement never pays.
SET LOCAL statement_timeout = 0;
SET LOCAL jit = off
