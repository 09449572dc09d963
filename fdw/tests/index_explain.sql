-- What scans of indexes say of themselves: hither.last_scan, and EXPLAIN (ANALYZE) from PostgreSQL 18 on.
SET client_min_messages = warning;
CREATE EXTENSION hither CASCADE;
RESET client_min_messages;
CREATE FUNCTION point(i int, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint4(i * 20000 + j) & 4095) / 256.0 - 8) FROM generate_series(1, dimensions) AS j';
CREATE TABLE items AS SELECT i AS id, point(i, 8)::vector(8) AS v FROM generate_series(1, 5000) AS i;
CREATE INDEX ON items (id);
CREATE INDEX items_v ON items USING hither (v vector_l2_ops);
ANALYZE items;

-- Of this session, and of scans that ended.
SELECT * FROM hither.last_scan();
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> array_fill(1, ARRAY[8])::vector LIMIT 5) AS q;
SELECT index, effort, segments, growing_rows, searches, codes_compared BETWEEN 40 AND 2000 AS codes,
    vectors_compared <= 200 AS vectors, heap_rechecks BETWEEN 5 AND 20 AS rechecks FROM hither.last_scan();
INSERT INTO items SELECT i, point(i, 8) FROM generate_series(5001, 5050) AS i;
SET hither.recall = 0.9;
SELECT count(n.id) FROM generate_series(1, 3) AS g(i), LATERAL (SELECT id FROM items ORDER BY v <-> point(g.i, 8)::vector LIMIT 2) AS n;
RESET hither.recall;
SELECT effort, segments, growing_rows, searches, heap_rechecks BETWEEN 6 AND 60 AS rechecks FROM hither.last_scan();
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> (SELECT NULL::vector) LIMIT 2) AS q;
SELECT effort, codes_compared, vectors_compared FROM hither.last_scan();
-- EXPLAIN says it where Postgres asks, from 18 on.
CREATE FUNCTION explained(query text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; said text = ''; BEGIN
    FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
        IF line ~ 'Search Setting|Segments|Growing Rows|Codes Compared|Vectors Compared|Heap Rechecks' THEN
            said := said || regexp_replace(trim(line), '(Compared|Rechecks): [1-9]\d*', '\1: some') || '; ';
        END IF;
    END LOOP;
    RETURN said;
END $$;
CREATE FUNCTION is_said(query text, options text, said text) RETURNS boolean LANGUAGE sql AS $$
    SELECT explained(query, options) = CASE WHEN current_setting('server_version_num')::int >= 180000 THEN said ELSE '' END $$;
SELECT is_said('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 3', 'ANALYZE, COSTS OFF, BUFFERS OFF',
    'Search Setting: ef_search 40; Segments: 1; Growing Rows: 50; Codes Compared: some; Vectors Compared: some; Heap Rechecks: some; ');
SELECT is_said('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 3', 'COSTS OFF', '');
SELECT is_said('SELECT id FROM items WHERE id = 3', 'ANALYZE, COSTS OFF, BUFFERS OFF', '');
SELECT is_said('SELECT n.id FROM generate_series(1, 3) AS g(i), LATERAL (SELECT id FROM items ORDER BY v <-> array_fill(g.i, ARRAY[8])::vector LIMIT 2) AS n',
    'ANALYZE, COSTS OFF, BUFFERS OFF',
    'Search Setting: ef_search 40; Segments: 1; Growing Rows: 50; Codes Compared: some; Vectors Compared: some; Heap Rechecks: some; ');
-- A scan that never began; other structures, and none.
SELECT is_said('SELECT id FROM items WHERE false ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''', 'ANALYZE, COSTS OFF, BUFFERS OFF', '');
CREATE TABLE lists AS SELECT * FROM items;
CREATE INDEX lists_v ON lists USING hither (v vector_l2_ops) WITH (kind = 'ivf', probes = 4);
SELECT count(*) FROM (SELECT id FROM lists ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5) AS q;
SELECT index, effort, segments FROM hither.last_scan();
CREATE TABLE few AS SELECT * FROM items LIMIT 10;
CREATE INDEX few_v ON few USING hither (v vector_l2_ops);
SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 5) AS q;
SELECT index, effort, codes_compared + vectors_compared > 0 AS compared FROM hither.last_scan();
