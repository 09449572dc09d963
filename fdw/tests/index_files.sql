-- Indexes and files are one thing: what hither.export writes is searched as a foreign table, and what was
-- built elsewhere hither.attach makes a segment.
SET client_min_messages = warning;
CREATE EXTENSION hither CASCADE;
RESET client_min_messages;
\setenv HITHER :hither
\setenv FOLDER :folder
\set url 'postgres://postgres@127.0.0.1:' :port '/index_files'
\setenv URL :url
\set out :folder '/out.hither'

CREATE FUNCTION point(i int, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint4(i * 20000 + j) & 4095) / 256.0 - 8) FROM generate_series(1, dimensions) AS j';
CREATE TABLE items (id int PRIMARY KEY, title text, lang varchar(2), n int, v vector(8)) WITH (autovacuum_enabled = false);
INSERT INTO items SELECT i, 'title ' || i, CASE WHEN i % 5 > 0 THEN 'l' || i % 3 END, i % 10, point(i, 8)
    FROM generate_series(1, 5000) AS i;
CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (m = 8, ef_construction = 40);
INSERT INTO items SELECT i, 'title ' || i, 'l0', i % 10, point(i, 8) FROM generate_series(5001, 5050) AS i;
ANALYZE items;

-- A file: its rows are the table's, and the nearest are the same.
SELECT hither.export('items_v', :'out', key => 'id', columns => '{title,lang}');
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'folder');
CREATE FOREIGN TABLE out (id int, embedding vector(8), title text, lang text) SERVER files OPTIONS (location 'out.hither');
SELECT count(*), count(lang) FROM out;
SELECT count(*) FROM items FULL JOIN out USING (id) WHERE v <> embedding OR items.title <> out.title OR items.lang IS DISTINCT FROM out.lang;
SELECT id FROM out ORDER BY embedding <-> (SELECT v FROM items WHERE id = 77) LIMIT 3;
SELECT count(*) >= 90 AS alike FROM generate_series(1, 100) AS g(i) WHERE
    (SELECT array_agg(id) FROM (SELECT id FROM out ORDER BY embedding <-> point(15000 + g.i, 8)::vector LIMIT 5) AS q) =
    (SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY v <-> point(15000 + g.i, 8)::vector LIMIT 5) AS q);
-- It is not overwritten unless asked.
SELECT hither.export('items_v', :'out', key => 'id');
SELECT hither.export('items_v', :'out', 'id', overwrite => true);
\! $HITHER info "$FOLDER/out.hither" | grep -E '^(keys|hnsw|column)'
\! stat -c %a "$FOLDER/out.hither"
-- The graph is taken over where there is one segment, all of which is seen: then it is that of the options when it was built.
SELECT hither.merge('items_v');
ALTER INDEX items_v SET (m = 12);
CREATE FUNCTION exported(path text) RETURNS bigint LANGUAGE sql AS
    $$ SELECT hither.export('items_v', path, 'id', '{n}', overwrite => true) $$;
SELECT exported(:'out');
\! $HITHER info "$FOLDER/out.hither" | grep '^hnsw'; $HITHER verify "$FOLDER/out.hither" >/dev/null && echo whole
BEGIN;
DELETE FROM items WHERE id > 5000;
SELECT exported(:'out');
ROLLBACK;
\! $HITHER info "$FOLDER/out.hither" | grep '^hnsw'; $HITHER verify "$FOLDER/out.hither" >/dev/null && echo whole
-- An update moves a row, within its page or to another: its key is once in the file.
UPDATE items SET n = 99 WHERE id = 5;
UPDATE items SET v = point(16000, 8)::vector WHERE id = 6;
SELECT exported(:'out');
ALTER FOREIGN TABLE out ADD n int, DROP title, DROP lang;
SELECT id, n, embedding = point(16000, 8)::vector AS moved FROM out WHERE id IN (5, 6);
VACUUM items;
SELECT exported(:'out');
-- What a transaction sees that is older.
SELECT hither.merge('items_v');
\setenv PSQL :psql
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM items;
\! $PSQL -qd index_files -c 'DELETE FROM items WHERE id % 10 = 0' -c 'INSERT INTO items (id, v) VALUES (9000, array_fill(0, ARRAY[8])::vector)' -c 'VACUUM items'
SELECT exported(:'out');
COMMIT;
SELECT exported(:'out');
SELECT count(*), max(id) FROM out;

-- Codes alone.
SELECT hither.export('items_v', :'out', 'id', vectors => false, overwrite => true);
\! $HITHER info "$FOLDER/out.hither" | grep -E '^codes|sq8'

-- Wrong wishes.
SELECT hither.export('items_v', 'out.hither', 'id');
SELECT hither.export('items_v', :'folder' || '/none/out.hither', 'id');
SELECT hither.export('items_v', :'folder', 'id', overwrite => true);
SELECT hither.export('items_pkey', :'out', 'id', overwrite => true);
SELECT hither.export('items', :'out', 'id', overwrite => true);
SELECT hither.export('items_v', :'out', 'key', overwrite => true);
SELECT hither.export('items_v', :'out', 'ctid', overwrite => true);
SELECT hither.export('items_v', :'out', 'v', overwrite => true);
SELECT hither.export('items_v', :'out', 'n', overwrite => true);
SELECT hither.export('items_v', :'out', 'lang', overwrite => true);
SELECT hither.export('items_v', :'out', 'id', '{v}', overwrite => true);
SELECT hither.export('items_v', :'out', 'id', '{n,n}', overwrite => true);
SELECT hither.export('items_v', NULL, 'id') IS NULL AS nothing;
-- What failed left the file that was there, and no other.
\! ls -A "$FOLDER" | grep -E '^out|tmp'; $HITHER verify "$FOLDER/out.hither" >/dev/null && echo whole
-- Whoever may not.
CREATE ROLE exporter;
GRANT SELECT ON items TO exporter;
SET ROLE exporter;
SELECT hither.export('items_v', :'out', 'id', overwrite => true);
SELECT count(*) > 0 AS bytes FROM hither.export_bytes('items_v', 'id');
RESET ROLE;
GRANT pg_write_server_files TO exporter;
SET ROLE exporter;
SELECT hither.export('items_v', :'out', 'id', overwrite => true) > 0 AS may;
RESET ROLE;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
SET ROLE exporter;
SELECT hither.export('items_v', :'out', 'id', overwrite => true);
SELECT count(*) FROM hither.export_bytes('items_v', 'id');
RESET ROLE;
SELECT hither.export('items_v', :'out', 'id', overwrite => true) > 0 AS may;
ALTER TABLE items DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON items FROM exporter;
GRANT SELECT (id, v) ON items TO exporter;
SET ROLE exporter;
SELECT hither.export('items_v', :'out', 'id', overwrite => true);
RESET ROLE;
DROP OWNED BY exporter;
DROP ROLE exporter;
-- Functions of the table's owner have his rights, and not those of who exports.
CREATE ROLE owner;
CREATE TABLE owned (id int, v real[]);
INSERT INTO owned SELECT i, point(i, 3) FROM generate_series(1, 10) AS i;
CREATE FUNCTION as_vector(v real[]) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF current_user <> 'owner' THEN RAISE 'called as %', current_user; END IF;
    RETURN v;
END $$;
ALTER TABLE owned OWNER TO owner;
CREATE INDEX owned_v ON owned USING hither ((public.as_vector(v)::vector(3)) vector_l2_ops) WHERE id <> 3;
INSERT INTO owned SELECT 11, '{1,2,3}' FROM pg_sleep(0) WHERE false;
SELECT hither.export('owned_v', :'out', 'id', overwrite => true), current_user;
DROP TABLE owned;
DROP ROLE owner;

-- Every type of key and column.
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN price AS numeric(10, 2);
CREATE TABLE things (id uuid, t text, i2 int2, i8 int8, h halfvec(3), b bool, f4 real, f8 float8, n numeric, p price,
    vc varchar(9), c char(4), nm name, m mood, tz timestamptz, ts timestamp, d date, by bytea, j json, jb jsonb, s interval);
INSERT INTO things VALUES ('00000000-0000-0000-0000-000000000001', 'Füße', -32768, 9223372036854775807, '[1, -2, 0.5]', true, 0.5, 1e-300,
    12345.678, 99.90, '', 'ab', 'name', 'glad', '2024-02-29 12:30:00.000001Z', '1969-12-31 23:59:59', '0001-01-01',
    '\x00ff', '{"a" : 1}', '{"b":2,"a":[null]}'),
    ('00000000-0000-0000-0000-000000000002', '', 0, 0, '[65504, 6e-8, 0]', false, '-0', 'NaN', 'NaN', 0,
    'x', '', '', 'sad', 'infinity', '-infinity', 'infinity', '', '[]', 'null');
INSERT INTO things (id, t, i2, i8, h) VALUES ('00000000-0000-0000-0000-000000000003', 'x', 3, 3, '[0, 0, 1]'), (NULL, 'y', 4, 4, '[0, 1, 1]');
INSERT INTO things (id, t) VALUES ('00000000-0000-0000-0000-000000000005', 'not indexed');
CREATE INDEX things_h ON things USING hither (h halfvec_l2_ops);
SELECT hither.export('things_h', :'out', 'id', overwrite => true);
DELETE FROM things WHERE id IS NULL;
SELECT hither.export('things_h', :'out', 'id', '{t,i2,i8,b,f4,f8,n,p,vc,c,nm,m,tz,ts,d,by,j,jb}', overwrite => true);
\! $HITHER info "$FOLDER/out.hither" | grep -E '^(keys|column)'; $HITHER export "$FOLDER/out.hither" -o "$FOLDER/out.jsonl" >/dev/null && cat "$FOLDER/out.jsonl"
SELECT hither.export('things_h', :'out', 't', overwrite => true), hither.export('things_h', :'out', 'i2', overwrite => true),
    hither.export('things_h', :'out', 'i8', overwrite => true);
SELECT hither.export('things_h', :'out', 'f8', overwrite => true);
SELECT hither.export('things_h', :'out', 'id', '{s}', overwrite => true);
UPDATE things SET d = '290000-01-01' WHERE i8 = 3;
SELECT hither.export('things_h', :'out', 'id', '{ts,d}', overwrite => true) > 0 AS late;
UPDATE things SET d = '5000000-01-01' WHERE i8 = 3;
SELECT hither.export('things_h', :'out', 'id', '{d}', overwrite => true);
-- None at all, and rows that cosine leaves out.
CREATE TABLE none (id int, v vector(3));
CREATE INDEX none_v ON none USING hither (v vector_cosine_ops);
SELECT hither.export('none_v', :'out', 'id', overwrite => true);
INSERT INTO none VALUES (1, '[0,0,0]'), (2, '[1,1,1]'), (3, NULL);
SELECT hither.export('none_v', :'out', 'id', overwrite => true);
CREATE INDEX none_l1 ON none USING hither (v vector_l1_ops);
SELECT hither.export('none_l1', :'out', 'id', overwrite => true);
SELECT hither.export('none_l1', :'out', 'id', vectors => false, overwrite => true);

-- The command.
\! $HITHER export --postgres "$URL" --index items_v --key-column id --columns title,lang -o "$FOLDER/command.hither" | sed "s|.*/||"
SELECT hither.export('items_v', :'out', 'id', '{title,lang}', overwrite => true) > 0 AS exported;
\! cmp "$FOLDER/out.hither" "$FOLDER/command.hither" && echo same
\! $HITHER export --postgres "$URL" --index items_pkey --key-column id -o "$FOLDER/command.hither" 2>&1 | sed "s/:[0-9]*:/:PORT:/"
\! $HITHER export --postgres "$URL" --index items_v --key-column id -o "$FOLDER/command.csv" 2>&1 | sed "s|.*/command|command|"
\! $HITHER verify "$FOLDER/command.hither" >/dev/null && echo whole

-- Attaching: the structure of a file for the rows that it has.
CREATE TABLE built (id int PRIMARY KEY, tenant int, v vector(8)) WITH (autovacuum_enabled = false);
INSERT INTO built SELECT i, i % 7, point(i, 8) FROM generate_series(1, 5000) AS i;
\! $HITHER build --postgres "$URL" --query 'SELECT id, v FROM built ORDER BY id' --metric l2 --element f32 --kind hnsw --m 8 -o "$FOLDER/built.hither" >/dev/null 2>&1 || echo failed
\set built :folder '/built.hither'
CREATE INDEX built_v ON built USING hither (v vector_l2_ops, tenant);
SELECT * FROM hither.attach('built_v', :'built', key => 'id');
SELECT rows, growing, deleted, segments FROM hither.indexes WHERE index = 'built_v'::regclass;
-- Rows that are missing on either side, or have other vectors; growing ones, and deleted ones.
DELETE FROM built WHERE id <= 100;
VACUUM built;
UPDATE built SET v = point(id + 20000, 8) WHERE id BETWEEN 101 AND 110;
INSERT INTO built SELECT i, i % 7, point(i, 8) FROM generate_series(5001, 5050) AS i;
DELETE FROM built WHERE id = 2000;
SELECT * FROM hither.attach('built_v', :'built', key => 'id');
SELECT rows >= 4949 AS rows, growing, deleted, segments FROM hither.indexes WHERE index = 'built_v'::regclass;
SELECT hither.verify('built_v') >= 4949 AS verified;
SET enable_seqscan = off;
CREATE FUNCTION by_index(query real[]) RETURNS int[] LANGUAGE sql SET enable_seqscan = off AS
    'SELECT array_agg(id) FROM (SELECT id FROM built ORDER BY v <-> query::vector LIMIT 10) AS q';
CREATE FUNCTION by_scan(query real[]) RETURNS int[] LANGUAGE sql SET enable_indexscan = off AS
    'SELECT array_agg(id) FROM (SELECT id FROM built ORDER BY v <-> query::vector LIMIT 10) AS q';
SELECT count(*) >= 95 AS found FROM generate_series(1, 100) AS g(i) WHERE by_index(point(i * 31, 8)) = by_scan(point(i * 31, 8));
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM built ORDER BY v <-> '[1,2,3,4,5,6,7,8]') AS q;
SELECT count(*) FROM (SELECT id FROM built WHERE tenant = 3 ORDER BY v <-> '[1,2,3,4,5,6,7,8]') AS q;
SELECT count(*) FROM built WHERE tenant = 3;
VACUUM built;
SELECT hither.merge('built_v'), hither.verify('built_v');
RESET enable_seqscan;
-- Twice, and back: what was exported is attached.
SELECT hither.export('built_v', :'built', 'id', overwrite => true);
SELECT * FROM hither.attach('built_v', :'built', key => 'id');
-- The file is not needed any more, and nothing names it.
\! rm "$FOLDER/built.hither"
SELECT count(*) FROM (SELECT id FROM built ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10) AS q;
SELECT count(*) FROM pg_class WHERE array_to_string(reloptions, ' ') LIKE '%built.hither%';
-- Keys that are null or given twice are rows that the file has not; nor are there any of its own.
CREATE TABLE alike (id int, v vector(8));
INSERT INTO alike SELECT i, point(i, 8) FROM generate_series(1, 10) AS i;
CREATE INDEX alike_v ON alike USING hither (v vector_l2_ops) WITH (kind = 'flat');
SELECT hither.export('alike_v', :'built', 'id');
INSERT INTO alike SELECT NULL, point(1, 8) UNION ALL SELECT 2, point(2, 8) UNION ALL SELECT 3, point(4, 8);
SELECT * FROM hither.attach('alike_v', :'built', key => 'id');
SELECT count(*) FROM (SELECT id FROM alike ORDER BY v <-> '[1,2,3,4,5,6,7,8]') AS q;
DELETE FROM alike WHERE id IS NULL;
SELECT hither.export('alike_v', :'built', 'id', overwrite => true);
UPDATE alike SET id = id + 100;
SELECT * FROM hither.attach('alike_v', :'built', key => 'id');
TRUNCATE alike;
SELECT * FROM hither.attach('alike_v', :'built', key => 'id');
-- What does not fit.
CREATE TABLE other (id int, name text, f float8, v vector(8), w vector(3), h halfvec(8));
CREATE INDEX other_cosine ON other USING hither (v vector_cosine_ops);
CREATE INDEX other_w ON other USING hither (w vector_l2_ops);
CREATE INDEX other_h ON other USING hither (h halfvec_l2_ops);
CREATE INDEX other_v ON other USING hither (v vector_l2_ops) WITH (kind = 'ivf');
SELECT hither.attach('other_cosine', :'built', key => 'id');
SELECT hither.attach('other_w', :'built', key => 'id');
SELECT hither.attach('other_h', :'built', key => 'id');
SELECT hither.attach('other_v', :'built', key => 'name');
SELECT hither.attach('other_v', :'built', key => 'f');
SELECT hither.attach('other_v', :'built', key => 'none');
SELECT hither.attach('other_v', 'built.hither', key => 'id');
SELECT hither.attach('other_v', :'folder' || '/none.hither', key => 'id');
SELECT hither.attach('items_pkey', :'built', key => 'id');
SELECT hither.attach('other_v', :'folder' || '/command.hither', key => 'id');
SELECT hither.export('items_v', :'out', 'id', vectors => false, overwrite => true) > 0 AS exported;
ALTER INDEX other_v SET (kind = 'hnsw');
SELECT hither.attach('other_v', :'out', key => 'id');
\! $HITHER remove "$FOLDER/command.hither" --keys 7 -o "$FOLDER/removed.hither" >/dev/null 2>&1 || echo failed
SELECT hither.attach('other_v', :'folder' || '/removed.hither', key => 'id');
\! head -c 20000 "$FOLDER/command.hither" >"$FOLDER/cut.hither"
\set VERBOSITY sqlstate
SELECT hither.attach('other_v', :'folder' || '/cut.hither', key => 'id');
\set VERBOSITY verbose
CREATE ROLE attacher;
SET ROLE attacher;
SELECT hither.attach('alike_v', :'built', key => 'id');
RESET ROLE;
GRANT pg_read_server_files TO attacher;
SET ROLE attacher;
SELECT hither.attach('alike_v', :'built', key => 'id');
RESET ROLE;
DROP ROLE attacher;
