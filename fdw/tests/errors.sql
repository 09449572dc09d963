-- What goes wrong says what, where and what to do; and the backend lives on.
CREATE EXTENSION hither CASCADE;
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (ef_serch '10');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (ef_search '0');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (recall '0.9', probes '4');
CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (location '/a', shards '/b');
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE USER MAPPING FOR CURRENT_USER SERVER files OPTIONS (password 'secret');
CREATE SERVER nowhere FOREIGN DATA WRAPPER hither;
CREATE FOREIGN TABLE t (id bigint, embedding vector(3)) SERVER nowhere;
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (ADD location 'things.hither');
SELECT * FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'https://example.org/things.hither');
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
ALTER FOREIGN TABLE t OPTIONS (SET location 'words.hither');
SELECT id FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'things.hither', ADD model 'all-MiniLM-L6-v2');
SELECT id FROM t;
ALTER FOREIGN TABLE t OPTIONS (DROP model);
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
SET hither.ef_search = 10; SET hither.recall = 0.99; RESET ALL;

-- A role without rights may use a server, not name files.
CREATE ROLE guest;
GRANT USAGE ON FOREIGN SERVER files TO guest;
GRANT ALL ON SCHEMA public TO guest;
SET ROLE guest;
CREATE FOREIGN TABLE stolen (id bigint) SERVER files OPTIONS (location '/etc/passwd');
CREATE SERVER own FOREIGN DATA WRAPPER hither;
RESET ROLE;
REVOKE ALL ON SCHEMA public FROM guest; REVOKE USAGE ON FOREIGN SERVER files FROM guest; DROP ROLE guest;

-- Errors within subtransactions leave the rest as it was.
BEGIN;
SAVEPOINT s;
SELECT id FROM t ORDER BY embedding <-> '[1,2]' LIMIT 1;
ROLLBACK TO s;
SELECT count(*) FROM t;
COMMIT;
