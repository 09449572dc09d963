-- What goes wrong says what, where and what to do; and the backend lives on.
CREATE EXTENSION hither CASCADE;
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (ef_serch '10');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (ef_search '0');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (recall '0.9', probes '4');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location '/a', shards '/b');
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE USER MAPPING FOR CURRENT_USER SERVER files OPTIONS (pasword 'secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER files OPTIONS (secret_access_key ' ');
-- Secrets and hosts have their places; errors do not repeat what was put into a wrong one.
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (secret_access_key 'hush');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'https://user:hush@example.org/t.hither');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'https://example.org/t.hither?X-Amz-Signature=hush');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'https://example.org/t.hither?sig=hush');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (shards 'https://example.org/a.hither, https://example.org/t.hither?api_key=hush');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'https://:hush@example.org/t.hither');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'HTTPS://user:hush@example.org/t.hither');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'https://example.org/t.hither#hush');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'ftp://user:hu/sh@example.org/t.hither');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 's3://bucket/t.hither?X-Amz-Signature=hush');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 's3://user:hush@bucket/t.hither');
CREATE FOREIGN TABLE bad (id bigint) SERVER files OPTIONS (location 't.hither?sig=hush');
IMPORT FOREIGN SCHEMA "https://user:hush@example.org/?sig=hush" FROM SERVER files INTO public;
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (password 'hush');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (endpoint 'https://:hush@example.org');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (endpoint 'https://example.org?sig=hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER files OPTIONS (authorization E'Bearer hush\nX-Other: hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER files OPTIONS (query '?sig=hush#');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (endpoint 'localhost:9000');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (endpoint 'https://user:hush@example.org');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'file:///etc/passwd');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 's3:///key');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location 'folder');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location '');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (cache_size '20 parsecs');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (max_age '-1');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (map 'yes');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (map 'on', map 'off');
CREATE FOREIGN TABLE bad (id bigint) SERVER files OPTIONS (endpoint 'https://example.org');
CREATE FOREIGN TABLE bad (id bigint OPTIONS (colunm 'key')) SERVER files;
CREATE SERVER nowhere FOREIGN DATA WRAPPER hither;
CREATE FOREIGN TABLE t (id bigint, embedding vector(3)) SERVER nowhere;
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (ADD location 'things.hither');
SELECT * FROM t;
DROP FOREIGN TABLE t;
CREATE FOREIGN TABLE t (id bigint, embedding vector(3)) SERVER files OPTIONS (location 'none.hither');
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'empty');
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'cut.hither');
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'text.hither');
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'parts/part9*.hither');
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location '/dev/zero');
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location '/proc/1/mem');
SELECT * FROM t;
-- One shard of many: damaged, not there, not like the others. The view tells, and does not fail.
ALTER FOREIGN TABLE t OPTIONS (DROP location, ADD shards 'parts/part0.hither, cut.hither, none.hither, words.hither');
SELECT id FROM t;
\pset format unaligned
SELECT location, rows, bytes, structure, metric, cached, last_error FROM hither.shards;
\pset format aligned
ALTER FOREIGN TABLE t OPTIONS (SET shards 'parts/part0.hither, none.hither');
SELECT id FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET shards 'parts/part0.hither, words.hither');
SELECT id FROM t;
ALTER FOREIGN TABLE t OPTIONS (DROP shards, ADD location 'text.hither');
ALTER FOREIGN TABLE t OPTIONS (SET location 'words.hither');
SELECT id FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'things.hither', ADD model 'all-MiniLM-L6-v2');
SELECT id FROM t;
ALTER FOREIGN TABLE t OPTIONS (DROP model);
SET hither.model = 'all-MiniLM-L6-v2';
SELECT id FROM t;
RESET hither.model;
ALTER FOREIGN TABLE t ADD COLUMN titel text;
SELECT id FROM t;
ALTER FOREIGN TABLE t DROP COLUMN titel;
ALTER FOREIGN TABLE t ADD COLUMN n text;
SELECT id FROM t;
ALTER FOREIGN TABLE t DROP COLUMN n;
SELECT id FROM t ORDER BY embedding <-> '[1,2]' LIMIT 1;
SELECT id FROM t ORDER BY embedding <-> NULL LIMIT 1;
SELECT count(*) FROM (SELECT id FROM t ORDER BY embedding <=> '[0,0,0]' LIMIT 3) AS a;
INSERT INTO t VALUES (1, '[1,2,3]');
UPDATE t SET id = 1;
DELETE FROM t;
COPY t FROM STDIN;
\.
SET hither.ef_search = -1;
SET hither.ef_serch = 1;
SET hither.iterative_scan = 'sometimes';
\set VERBOSITY sqlstate
SET hither.cache_size = '0';
SET hither.max_age = '-2';
\set VERBOSITY verbose
SET hither.ef_search = 10; SET hither.recall = 0.99; RESET ALL;

-- A role without rights may use a server, not name files.
CREATE ROLE guest;
GRANT USAGE ON FOREIGN SERVER files TO guest;
GRANT ALL ON SCHEMA public TO guest;
SET ROLE guest;
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (location '/etc/passwd');
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (location 'parts/../../../../etc/passwd');
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (location '.?/.[.]/etc/passwd');
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (location '**/*.hither');
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (location 'part*/*.hither');
IMPORT FOREIGN SCHEMA "**" FROM SERVER files INTO public;
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (shards 'cut.hither, /etc/passwd');
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (location 'http://169.254.169.254/latest');
IMPORT FOREIGN SCHEMA "/etc" FROM SERVER files INTO public;
IMPORT FOREIGN SCHEMA "http://169.254.169.254/" FROM SERVER files INTO public;
CREATE SERVER own FOREIGN DATA WRAPPER hither;
SET hither.cache_size = '1GB';
SET hither.cache_directory = '/tmp';
-- Postgres words this one by its version.
\set VERBOSITY sqlstate
SHOW hither.cache_directory;
\set VERBOSITY verbose
-- What lies beneath the server's location is open to whoever may use the server.
CREATE FOREIGN TABLE beneath (id bigint) SERVER files OPTIONS (location 'things.hither');
SELECT count(*) FROM beneath;
SELECT relation, rows, last_error FROM hither.shards;
DROP FOREIGN TABLE beneath;
RESET ROLE;
-- Who may make servers may name hosts, and no files.
GRANT USAGE ON FOREIGN DATA WRAPPER hither TO guest;
SET ROLE guest;
CREATE SERVER own FOREIGN DATA WRAPPER hither OPTIONS (location '/etc');
CREATE SERVER own FOREIGN DATA WRAPPER hither OPTIONS (location 'https://example.org/');
CREATE FOREIGN TABLE elsewhere (id bigint) SERVER own OPTIONS (location 's3://bucket/key');
RESET ROLE;
DROP SERVER own CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER hither FROM guest;
REVOKE ALL ON SCHEMA public FROM guest; REVOKE USAGE ON FOREIGN SERVER files FROM guest; DROP ROLE guest;

-- Errors within subtransactions leave the rest as it was.
BEGIN;
SAVEPOINT s;
SELECT id FROM t ORDER BY embedding <-> '[1,2]' LIMIT 1;
ROLLBACK TO s;
SELECT count(*) FROM t;
COMMIT;
