-- Files of HTTP servers and of S3: brought into the cache, checked, shared, and given up with a reason.
-- server.py misbehaves as the first folder of a URL says, and notes what it is asked.
\pset format unaligned
\setenv WEB :webfolder
\setenv PSQL :psql
CREATE EXTENSION hither CASCADE;
\set cache :folder /cache
SET hither.cache_directory = :'cache';
CREATE SERVER web FOREIGN DATA WRAPPER hither OPTIONS (location :'web');
CREATE FUNCTION cached() RETURNS TABLE (file text, cached boolean) BEGIN ATOMIC
    SELECT regexp_replace(location, '.*/', ''), cached FROM hither.shards ORDER BY 1; END;

-- A good server: one request, then none while its answer is believed, then one whether it changed.
CREATE FOREIGN TABLE t (id bigint, embedding vector(3), n int) SERVER web OPTIONS (location 'ranges/things.hither');
SELECT id, n FROM t ORDER BY embedding <-> '[1,2,3]' LIMIT 3;
SELECT count(*) FROM t;
SET hither.max_age = 0;
SELECT count(*) FROM t;
RESET hither.max_age;
\! cat $WEB/requests; rm $WEB/requests
SELECT server, relation, location, rows, bytes, structure, metric, cached, last_error FROM hither.shards;

-- The file changes: unnoticed until max_age, and then whole.
\! cp $WEB/part0.hither $WEB/changing.hither
ALTER FOREIGN TABLE t OPTIONS (SET location 'ranges/changing.hither', ADD max_age '1h');
SELECT count(*), min(id) FROM t;
\! cp $WEB/part1.hither $WEB/changing.hither
SELECT count(*), min(id) FROM t;
SET hither.max_age = 0;
SELECT count(*), min(id) FROM t;
-- A cursor keeps the file that it began with.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id;
FETCH 1 FROM c;
\! cp $WEB/part2.hither $WEB/changing.hither
SELECT min(id) FROM t;
FETCH 1 FROM c;
COMMIT;
-- Damage is not let in, and the reason stays.
\! cp $WEB/flipped.hither $WEB/changing.hither
SELECT count(*) FROM t;
SELECT cached, last_error FROM hither.shards;
RESET hither.max_age;
ALTER FOREIGN TABLE t OPTIONS (DROP max_age);

-- A server without ETag and ranges.
\! rm $WEB/requests
ALTER FOREIGN TABLE t OPTIONS (SET location 'plain/things.hither');
SELECT count(*) FROM t;
SET hither.max_age = 0;
SELECT count(*) FROM t;
RESET hither.max_age;
-- One that ends in the middle: gone on with by range.
ALTER FOREIGN TABLE t OPTIONS (SET location 'cut/things.hither');
SELECT count(*) FROM t;
\! cat $WEB/requests; rm $WEB/requests
CREATE FOREIGN TABLE hanging (id bigint) SERVER web OPTIONS (location 'hang/things.hither');
-- Cancelled in the wait; what came is kept, and the next statement asks for the rest.
SET statement_timeout = '4000ms';
ALTER FOREIGN TABLE t OPTIONS (SET location 'silent/things.hither');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'hang/things.hither');
SELECT count(*) FROM t;
RESET statement_timeout;
BEGIN;
SAVEPOINT s;
ALTER FOREIGN TABLE t OPTIONS (SET location 'torn/things.hither');
SELECT count(*) FROM t;
ROLLBACK TO s;
COMMIT;
\! touch $WEB/mended
SELECT count(*) FROM t;
\! cat $WEB/requests; rm $WEB/requests
-- A session that is ended in the wait leaves no lock.
\! rm $WEB/mended; $PSQL -d remote -Atc 'SELECT count(*) FROM hanging' >/dev/null 2>&1 & until grep -q hang $WEB/requests 2>/dev/null; do sleep 0.1; done; sleep 2
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'SELECT count(*) FROM hanging';
\! touch $WEB/mended; $PSQL -d remote -Atc 'SELECT count(*) FROM hanging'
\! cat $WEB/requests; rm $WEB/requests
DROP FOREIGN TABLE hanging;
-- What came is of another version: from the start.
\! rm $WEB/mended; cp $WEB/part0.hither $WEB/changing.hither
ALTER FOREIGN TABLE t OPTIONS (SET location 'hang/changing.hither');
SET statement_timeout = '4000ms';
SELECT count(*) FROM t;
RESET statement_timeout;
\! touch $WEB/mended; cp $WEB/part1.hither $WEB/changing.hither
SELECT count(*), min(id) FROM t;
-- A server that ignores the range: from the start, too.
\! rm $WEB/mended
ALTER FOREIGN TABLE t OPTIONS (SET location 'torn/things.hither');
SELECT count(*) FROM t;
\! touch $WEB/mended
SELECT count(*) FROM t;
\! cat $WEB/requests; rm $WEB/requests

-- Six sessions at once share one download.
ALTER FOREIGN TABLE t OPTIONS (SET location 'ranges/words.hither', ADD cache_size '50MB');
ALTER FOREIGN TABLE t DROP COLUMN n;
ALTER FOREIGN TABLE t ALTER COLUMN embedding TYPE vector(384);
\! for i in 1 2 3 4 5 6; do $PSQL -d remote -Atc 'SELECT count(*) FROM t' & done; wait
\! cat $WEB/requests; rm $WEB/requests

-- What is no index file, and who does not give one.
ALTER FOREIGN TABLE t OPTIONS (SET location 'html/things.hither', DROP cache_size);
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'ranges/none.hither');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'status/403');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'status/500');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'http://127.0.0.1:1/things.hither');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'http://nowhere.invalid/things.hither');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'ranges/');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'ranges/*.hither');
SELECT count(*) FROM t;
-- Relative locations stay beneath the server's.
\set deep :web /plain
CREATE SERVER deep FOREIGN DATA WRAPPER hither OPTIONS (location :'deep');
CREATE FOREIGN TABLE above (id bigint) SERVER deep OPTIONS (location '%2e%2e/ranges/things.hither');
SELECT count(*) FROM above;
ALTER FOREIGN TABLE above OPTIONS (SET location '..\ranges\things.hither');
SELECT count(*) FROM above;
DROP SERVER deep CASCADE;
-- Redirections: to the same host, to an address, to a cloud's metadata.
ALTER FOREIGN TABLE t OPTIONS (SET location 'moved/things.hither');
ALTER FOREIGN TABLE t ALTER COLUMN embedding TYPE vector(3);
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'away/things.hither');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'metadata/things.hither');
SELECT count(*) FROM t;

-- The cache has a limit: what was not used longest goes first, and only as much as must.
SELECT pg_sleep(1.1);
\set cache :folder /small
SET hither.cache_directory = :'cache';
SET hither.cache_size = '50kB';
SET hither.max_age = '0';
CREATE FOREIGN TABLE a (id bigint) SERVER web OPTIONS (location 'ranges/part0.hither');
CREATE FOREIGN TABLE b (id bigint) SERVER web OPTIONS (location 'ranges/part1.hither');
CREATE FOREIGN TABLE c (id bigint) SERVER web OPTIONS (location 'ranges/part2.hither');
DROP FOREIGN TABLE t;
SELECT count(*) FROM a;
SELECT count(*) FROM b;
SELECT * FROM cached();
SELECT pg_sleep(1.1);
SELECT count(*) FROM a;
SELECT count(*) FROM c;
SELECT * FROM cached();
DROP FOREIGN TABLE b;
-- Too big for it; too many for it; more than the table may have.
ALTER FOREIGN TABLE a OPTIONS (SET location 'ranges/words.hither');
SELECT count(*) FROM a;
ALTER FOREIGN TABLE a OPTIONS (DROP location, ADD shards 'ranges/part0.hither, ranges/part1.hither, ranges/part2.hither');
\set VERBOSITY sqlstate
SELECT count(*) FROM a;
\set VERBOSITY verbose
SET hither.cache_size = '100kB';
SELECT count(*) FROM a;
ALTER FOREIGN TABLE a OPTIONS (ADD cache_size '30kB');
SELECT count(*) FROM a;
ALTER FOREIGN TABLE a OPTIONS (DROP cache_size);
-- One of many that is damaged, or not there: it is named.
ALTER FOREIGN TABLE a OPTIONS (SET shards 'ranges/part0.hither, ranges/flipped.hither');
SELECT count(*) FROM a;
ALTER FOREIGN TABLE a OPTIONS (SET shards 'ranges/part0.hither, ranges/none.hither');
SELECT count(*) FROM a;
SELECT location, rows, cached, last_error FROM hither.shards WHERE relation = 'a'::regclass;
-- A disk without room, a directory that cannot be made. The name is what tells objects apart.
DROP FOREIGN TABLE c;
ALTER FOREIGN TABLE a OPTIONS (DROP shards, ADD location 'ranges/things.hither');
SELECT left(encode(sha256(convert_to(:'web' || '/ranges/things.hither', 'utf8') || '\x00000000'), 'hex'), 32) AS id \gset
\setenv PART :cache/:id.part
\! ln -s /dev/full $PART
SELECT count(*) FROM a;
SELECT count(*) FROM a;
SET hither.cache_directory = '/proc/none';
SELECT count(*) FROM a;
SET hither.cache_directory = :'cache';

-- S3: one object, a prefix, a glob. Nobody's objects need no keys; keys come from the user mapping.
CREATE SERVER s3 FOREIGN DATA WRAPPER hither OPTIONS (location 's3://bucket', endpoint :'s3');
CREATE FOREIGN TABLE s (id bigint, embedding vector(3), n int) SERVER s3 OPTIONS (location 'open/things.hither');
SELECT count(*) FROM s;
ALTER SERVER s3 OPTIONS (ADD allow_http 'on');
SELECT count(*) FROM s;
ALTER FOREIGN TABLE s OPTIONS (SET location 'parts/part0.hither');
SELECT count(*) FROM s;
CREATE USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (access_key_id 'AKIASECRET');
SELECT count(*) FROM s;
ALTER USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (ADD secret_access_key 'hush', ADD session_token 'token');
SELECT count(*) FROM s;
ALTER FOREIGN TABLE s OPTIONS (SET location 'parts/');
SELECT count(*) FROM s;
SELECT id FROM s ORDER BY embedding <-> '[1,2,3]' LIMIT 3;
ALTER FOREIGN TABLE s OPTIONS (SET location 'p*s/part[01].hither');
SELECT count(*) FROM s;
SELECT location, rows, cached FROM hither.shards WHERE server = 's3';
ALTER FOREIGN TABLE s OPTIONS (SET location 'parts/none.hither');
SELECT count(*) FROM s;
ALTER FOREIGN TABLE s OPTIONS (SET location 'nothing/');
SELECT count(*) FROM s;
-- Only signed requests carry keys, and no error shows them.
CREATE SERVER signed FOREIGN DATA WRAPPER hither OPTIONS (endpoint :'web', allow_http 'on', location 's3://status/');
CREATE USER MAPPING FOR PUBLIC SERVER signed OPTIONS (access_key_id 'AKIASECRET', secret_access_key 'hush');
CREATE FOREIGN TABLE u (id bigint) SERVER signed OPTIONS (location '403');
\! rm $WEB/requests
SELECT count(*) FROM u;
DROP USER MAPPING FOR PUBLIC SERVER signed;
SELECT count(*) FROM u;
\! cat $WEB/requests

-- What an HTTP server wants to hear is of the user mapping, goes to the hosts that the server names,
-- and is shown nowhere.
SELECT replace(:'web', '127.0.0.1', 'localhost') AS other \gset
CREATE SERVER guarded FOREIGN DATA WRAPPER hither OPTIONS (location :'web');
CREATE FOREIGN TABLE g (id bigint) SERVER guarded OPTIONS (location 'basic/things.hither');
SELECT count(*) FROM g;
CREATE USER MAPPING FOR CURRENT_USER SERVER guarded OPTIONS (user 'me', password 'hush');
SELECT count(*) FROM g;
ALTER SERVER guarded OPTIONS (ADD allow_http 'on');
SELECT count(*) FROM g;
ALTER USER MAPPING FOR CURRENT_USER SERVER guarded OPTIONS (SET password 'guess');
SELECT count(*) FROM g;
ALTER USER MAPPING FOR CURRENT_USER SERVER guarded OPTIONS (DROP password);
SELECT count(*) FROM g;
ALTER USER MAPPING FOR CURRENT_USER SERVER guarded OPTIONS (DROP user, ADD authorization 'Basic bWU6aHVzaA==', ADD query 'sig=hush');
SELECT count(*) FROM g;
\! rm $WEB/requests
ALTER FOREIGN TABLE g OPTIONS (SET location 'signed/things.hither');
SELECT count(*) FROM g;
EXPLAIN VERBOSE SELECT * FROM g;
ALTER FOREIGN TABLE g OPTIONS (SET location 'moved/things.hither');
SELECT count(*) FROM g;
ALTER FOREIGN TABLE g OPTIONS (SET location 'away/things.hither');
SELECT count(*) FROM g;
ALTER FOREIGN TABLE g OPTIONS (SET location 'status/500');
SELECT count(*) FROM g;
SELECT location, last_error FROM hither.shards WHERE relation = 'g'::regclass;
\set signed :other /signed/things.hither
ALTER FOREIGN TABLE g OPTIONS (SET location :'signed');
SELECT count(*) FROM g;
\! cat $WEB/requests
\! grep -l hush $WEB/../cache/* 2>/dev/null
DROP SERVER guarded CASCADE;

-- Keys are the invoker's: the cached file of another is not had without them.
CREATE ROLE guest;
GRANT USAGE ON SCHEMA public TO guest;
GRANT SELECT ON s TO guest;
ALTER FOREIGN TABLE s OPTIONS (SET location 'parts/part0.hither');
CREATE VIEW through AS SELECT count(*) FROM s;
GRANT SELECT ON through TO guest;
RESET hither.max_age;
SELECT count(*) FROM s;
SET ROLE guest;
SELECT count(*) FROM s;
SELECT * FROM through;
SELECT location, rows, cached, last_error FROM hither.shards;
RESET ROLE;

-- IMPORT FOREIGN SCHEMA: a table for each file.
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA "parts" LIMIT TO (part0, part2) FROM SERVER s3 INTO imported;
IMPORT FOREIGN SCHEMA "parts" FROM SERVER s3 INTO imported OPTIONS (shards 'one');
IMPORT FOREIGN SCHEMA "." EXCEPT (part0) FROM SERVER s3 INTO imported;
IMPORT FOREIGN SCHEMA "ranges/" FROM SERVER web INTO imported;
IMPORT FOREIGN SCHEMA "ranges/part1.hither" FROM SERVER web INTO imported;
SELECT ftrelid::regclass, ftoptions FROM pg_foreign_table WHERE ftrelid::regclass::text LIKE 'imported.%' ORDER BY 1;
\d imported.parts
SELECT (SELECT count(*) FROM imported.parts), (SELECT count(*) FROM imported.part2);
DROP OWNED BY guest; DROP ROLE guest;
