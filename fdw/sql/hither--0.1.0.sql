\echo Use "CREATE EXTENSION hither CASCADE" to load this file. \quit

-- Helpers live in a schema of their own: nothing here can collide with what is in public.
CREATE SCHEMA hither;

CREATE FUNCTION hither.fdw_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'hither_fdw_handler' LANGUAGE c STRICT;

CREATE FUNCTION hither.fdw_validator(text[], oid) RETURNS void
    AS 'MODULE_PATHNAME', 'hither_fdw_validator' LANGUAGE c STRICT;

CREATE FOREIGN DATA WRAPPER hither
    HANDLER hither.fdw_handler VALIDATOR hither.fdw_validator;

-- What foreign tables consist of. Looking brings no file, and fails for none: see last_error.
CREATE FUNCTION hither.shards_of(relation oid) RETURNS TABLE
    (location text, rows bigint, bytes bigint, structure text, metric text, cached boolean, last_error text)
    AS 'MODULE_PATHNAME', 'shards_of_wrapper' LANGUAGE c STRICT VOLATILE;

CREATE VIEW hither.shards AS
    SELECT server.srvname AS server, ftrelid::regclass AS relation, shard.*
    FROM pg_foreign_table
        JOIN pg_foreign_server AS server ON server.oid = ftserver
        JOIN pg_foreign_data_wrapper AS wrapper ON wrapper.oid = srvfdw,
        LATERAL hither.shards_of(ftrelid) AS shard
    WHERE fdwhandler = 'hither.fdw_handler'::regproc AND has_table_privilege(ftrelid, 'SELECT');

GRANT USAGE ON SCHEMA hither TO PUBLIC;
GRANT SELECT ON hither.shards TO PUBLIC;

CREATE FUNCTION hither.recall("table" regclass, k integer DEFAULT 10, queries integer DEFAULT 100)
    RETURNS double precision
    AS 'MODULE_PATHNAME', 'hither_recall' LANGUAGE c STRICT VOLATILE;
COMMENT ON FUNCTION hither.recall IS
    'recall@k of a foreign table''s searches under the current settings, against exact search, on a sample of its own rows';

CREATE FUNCTION hither.backend_stats(OUT scans bigint, OUT searches bigint, OUT look_ups bigint,
    OUT counts bigint, OUT rows bigint, OUT codes_compared bigint, OUT vectors_compared bigint,
    OUT late_rows bigint, OUT files_opened bigint) RETURNS record
    AS 'MODULE_PATHNAME', 'hither_stats' LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED;
CREATE VIEW hither.stats AS SELECT * FROM hither.backend_stats();
COMMENT ON VIEW hither.stats IS 'what this backend, and no other, did since it began';
GRANT SELECT ON hither.stats TO PUBLIC;
