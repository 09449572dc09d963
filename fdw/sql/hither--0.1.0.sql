\echo Use "CREATE EXTENSION hither CASCADE" to load this file. \quit

-- Helpers live in a schema of their own: nothing here can collide with what is in public.
CREATE SCHEMA hither;

CREATE FUNCTION hither.fdw_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'hither_fdw_handler' LANGUAGE c STRICT;

CREATE FUNCTION hither.fdw_validator(text[], oid) RETURNS void
    AS 'MODULE_PATHNAME', 'hither_fdw_validator' LANGUAGE c STRICT;

CREATE FOREIGN DATA WRAPPER hither
    HANDLER hither.fdw_handler VALIDATOR hither.fdw_validator;
