-- Where things are installed does not matter, nor what a session's search_path is.
CREATE SCHEMA extensions;
CREATE EXTENSION vector SCHEMA extensions;
CREATE EXTENSION hither;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE SCHEMA tables;
CREATE FOREIGN TABLE tables.things (id bigint, embedding extensions.vector(3), n int)
    SERVER files OPTIONS (location 'things.hither');
CREATE FOREIGN TABLE tables.halves (id bigint, embedding extensions.halfvec(3), n int)
    SERVER files OPTIONS (location 'things.hither');
SET search_path = pg_catalog;
EXPLAIN (COSTS OFF) SELECT id FROM tables.things WHERE n = 3 ORDER BY embedding OPERATOR(extensions.<->) '[1,2,3]' LIMIT 3;
SELECT id, embedding FROM tables.things WHERE n = 3 ORDER BY embedding OPERATOR(extensions.<->) '[1,2,3]' LIMIT 3;
SELECT id, embedding FROM tables.halves WHERE n = 3 ORDER BY '[1,2,3]' OPERATOR(extensions.<->) embedding LIMIT 3;
SELECT count(*) FROM tables.things WHERE embedding OPERATOR(extensions.<->) '[1,2,3]' < 2;
SELECT hither.recall('tables.things') = 1 AS exact;

-- Types and operators of these names that are not pgvector's mean nothing.
CREATE SCHEMA own;
SET search_path = own, pg_catalog;
CREATE DOMAIN vector AS text;
CREATE FUNCTION distance(extensions.vector, text) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT random()';
CREATE OPERATOR <-> (LEFTARG = extensions.vector, RIGHTARG = text, FUNCTION = distance);
EXPLAIN (COSTS OFF) SELECT id FROM tables.things ORDER BY embedding <-> 'a'::text LIMIT 3;
CREATE FOREIGN TABLE wrong (id bigint, embedding vector) SERVER files OPTIONS (location 'things.hither');
SELECT * FROM wrong;
RESET search_path;

-- The newest version is installed; what depends on the extension keeps it.
ALTER EXTENSION hither UPDATE;
DROP EXTENSION hither;
DROP EXTENSION vector;
DROP EXTENSION hither CASCADE;
SELECT count(*) FROM pg_proc WHERE probin LIKE '%hither%';
