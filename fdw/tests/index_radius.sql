-- A condition that the distance is less than a bound ends a scan of an index there.
SET client_min_messages = warning;
CREATE EXTENSION hither CASCADE;
RESET client_min_messages;
CREATE FUNCTION point(i int, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint4(i * 20000 + j) & 4095) / 256.0 - 8) FROM generate_series(1, dimensions) AS j';
CREATE TABLE items (id int PRIMARY KEY, n int, v vector(8), h halfvec(8));
INSERT INTO items SELECT i, i % 5, point(i, 8), point(i, 8) FROM generate_series(1, 6000) AS i;
CREATE INDEX items_l2 ON items USING hither (v vector_l2_ops, n);
ANALYZE items;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET hither.ef_search = 200;

-- The planner gives the index the bound, which is checked on the rows that come.
\set near 'ORDER BY v <-> \'[1,2,3,4,5,6,7,8]\''
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' < 9 :near LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE 9.5 >= '[1,2,3,4,5,6,7,8]' <-> v AND n = 2 AND id % 2 = 1 :near;
-- Not one that is no upper bound, of another query or distance, or not known when the scan begins.
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' > 9 :near LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,9]' < 9 :near LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <=> '[1,2,3,4,5,6,7,8]' < 9 :near LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' < n :near LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' < random() :near LIMIT 1;
-- An index alone gives an order: there is none without.
RESET enable_seqscan;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v OPERATOR(hither.<@) 9 AND v <-> '[1,2,3,4,5,6,7,8]' < 9;
SET enable_seqscan = off;

-- Each answer is that of a sequential scan, but for rows that a graph does not find; and no more rows are compared than are needed.
CREATE TABLE asked (what text, rows bigint, missing bigint, strange bigint, ordered boolean, compared boolean);
CREATE FUNCTION ask(what text, query text, expression text, k int) RETURNS SETOF asked LANGUAGE plpgsql AS $$
DECLARE ours int[]; theirs int[]; distances float8[]; seen bigint; BEGIN
    SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on;
    EXECUTE format('SELECT array_agg(id), array_agg(d) FROM (SELECT id, %1$s AS d FROM %2$s ORDER BY %1$s LIMIT %3$s) AS q', expression, query, k) INTO ours, distances;
    SELECT codes_compared + vectors_compared INTO seen FROM hither.last_scan();
    SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off;
    EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %s ORDER BY %s LIMIT %s) AS q', query, expression, k) INTO theirs;
    RETURN QUERY SELECT what, coalesce(cardinality(ours), 0)::bigint, (SELECT count(*) FROM unnest(theirs) AS t WHERE t <> ALL (coalesce(ours, '{}'))),
        (SELECT count(*) FROM unnest(ours) AS o WHERE o <> ALL (coalesce(theirs, '{}'))),
        (SELECT coalesce(bool_and(d >= b), true) FROM (SELECT d, lag(d, 1, d) OVER (ORDER BY o) AS b FROM unnest(distances) WITH ORDINALITY AS u(d, o)) AS q), seen < 3000;
END $$;
CREATE FUNCTION ask_all(source text) RETURNS SETOF asked LANGUAGE plpgsql AS $$
DECLARE operator text; q text; bounds float8[]; BEGIN
    FOR operator, q, bounds IN VALUES ('<->', 'v', ARRAY[7.5, 9, 11]), ('<#>', 'v', ARRAY[-250, -200, -150]), ('<=>', 'v', ARRAY[.2, .3, .4]), ('<+>', 'v', ARRAY[16, 20, 25]),
            ('<->', 'h', ARRAY[7.5, 9, 11]) LOOP
        RETURN QUERY SELECT a.* FROM unnest(bounds) AS bound, LATERAL ask(format('%s %s %s', q, operator, bound),
            format('%s WHERE %s %s ''[1,2,3,4,5,6,7,8]'' < %s', source, q, operator, bound), format('%s %s ''[1,2,3,4,5,6,7,8]''', q, operator), 5000) AS a;
    END LOOP;
END $$;
CREATE INDEX ON items USING hither (v vector_ip_ops);
CREATE INDEX ON items USING hither (v vector_cosine_ops);
CREATE INDEX ON items USING hither (v vector_l1_ops);
CREATE INDEX ON items USING hither (h halfvec_l2_ops);
SELECT what, rows, missing, strange, ordered, compared FROM ask_all('items');
-- Rows that are all measured are all found.
CREATE TABLE flat AS TABLE items;
CREATE INDEX ON flat USING hither (v vector_l2_ops) WITH (kind = flat);
CREATE INDEX ON flat USING hither (v vector_ip_ops) WITH (kind = flat);
CREATE INDEX ON flat USING hither (v vector_cosine_ops) WITH (kind = flat, rerank = index);
CREATE INDEX ON flat USING hither (v vector_l1_ops) WITH (kind = flat);
CREATE INDEX ON flat USING hither (h halfvec_l2_ops) WITH (kind = flat);
INSERT INTO flat SELECT id + 10000, n, v, h FROM items WHERE id % 10 = 0;
SELECT count(*), sum(rows), sum(missing) AS missing, sum(strange) AS strange, bool_and(ordered) AS ordered FROM ask_all('flat');

-- Bounds that are known late: of a prepared statement, of each row of a join; NULL, NaN and infinity.
PREPARE p(float8) AS SELECT count(*) FROM (SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' <= $1 :near LIMIT 20) AS q;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE p(1);
EXECUTE p(0);
EXECUTE p(7);
EXECUTE p(7.5);
EXECUTE p(NULL);
EXECUTE p('NaN');
EXECUTE p('Infinity');
EXECUTE p('-Infinity');
RESET plan_cache_mode;
EXPLAIN (COSTS OFF) SELECT g.r, q.* FROM generate_series(6, 9) AS g(r),
    LATERAL (SELECT count(*) FROM (SELECT id FROM items WHERE v <-> point(17, 8)::vector < g.r ORDER BY v <-> point(17, 8)::vector) AS i) AS q;
SELECT g.r, q.* FROM generate_series(6, 9) AS g(r),
    LATERAL (SELECT count(*) FROM (SELECT id FROM items WHERE v <-> point(17, 8)::vector < g.r ORDER BY v <-> point(17, 8)::vector) AS i) AS q;
SELECT count(*) FROM items AS a, LATERAL (SELECT id FROM items AS b WHERE b.v <-> a.v < 5 ORDER BY b.v <-> a.v LIMIT 3) AS q WHERE a.id <= 20;
-- The row that is asked about is within no distance that is less than 0; a query without direction has no distances.
SELECT count(*) FROM (SELECT id FROM items WHERE v <-> point(17, 8)::vector <= 0 ORDER BY v <-> point(17, 8)::vector) AS q;
SELECT count(*) FROM (SELECT id FROM items WHERE v <-> point(17, 8)::vector < 0 ORDER BY v <-> point(17, 8)::vector) AS q;
SELECT count(*) FROM (SELECT id FROM items WHERE v <=> '[0,0,0,0,0,0,0,0]' < 'NaN' ORDER BY v <=> '[0,0,0,0,0,0,0,0]') AS q;
SELECT count(*) FROM (SELECT id FROM items WHERE v <-> NULL < 3 ORDER BY v <-> NULL) AS q;
-- Of what is changed, the changed row counts.
BEGIN;
UPDATE items SET v = '[1,2,3,4,5,6,7,8]' WHERE id IN (3, 4);
SELECT id, v <-> '[1,2,3,4,5,6,7,8]' FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' < 1 :near FOR UPDATE;
ROLLBACK;

-- Of each partition, and of an expression.
CREATE TABLE parts (id int, v vector(8)) PARTITION BY RANGE (id);
CREATE TABLE part_0 PARTITION OF parts FOR VALUES FROM (0) TO (3000);
CREATE TABLE part_1 (v vector(8), id int);
ALTER TABLE parts ATTACH PARTITION part_1 FOR VALUES FROM (3000) TO (9000);
INSERT INTO parts SELECT id, v FROM items;
CREATE INDEX parts_v ON parts USING hither ((v::halfvec(8)) halfvec_l2_ops);
ANALYZE parts;
EXPLAIN (COSTS OFF) SELECT id FROM parts WHERE v::halfvec(8) <-> '[1,2,3,4,5,6,7,8]' < 9 ORDER BY v::halfvec(8) <-> '[1,2,3,4,5,6,7,8]' LIMIT 100;
SELECT count(*) FROM (SELECT id FROM parts WHERE v::halfvec(8) <-> '[1,2,3,4,5,6,7,8]' < 9 ORDER BY v::halfvec(8) <-> '[1,2,3,4,5,6,7,8]' LIMIT 100) AS q;
-- A scan that goes on ends after so many rows, if that is said; its first answer is whole.
CREATE FUNCTION scanned(most int) RETURNS TABLE (rows bigint, compared text) LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config('hither.max_scan_tuples', most::text, true), set_config('hither.ef_search', '40', true);
    SELECT count(*) INTO rows FROM (SELECT id FROM items WHERE id % 1000 = 7 ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 6) AS q;
    SELECT CASE WHEN codes_compared < 1500 THEN 'few' WHEN codes_compared > 3000 THEN 'many' ELSE codes_compared::text END INTO compared FROM hither.last_scan();
    RETURN NEXT;
END $$;
SELECT most, rows = 6 AS whole, compared FROM unnest(ARRAY[0, 1000000, 1000, 1]) AS most, LATERAL scanned(most);
SET hither.max_scan_tuples = 1;
SELECT count(*) FROM (SELECT id FROM items :near LIMIT 10) AS q;
SET hither.max_scan_tuples = -1;
RESET hither.max_scan_tuples;

-- Policies come first, and what does not keep what it reads to itself is not asked before.
CREATE ROLE radius_reader;
GRANT SELECT ON items TO radius_reader;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON items TO radius_reader USING (n = 3);
SET ROLE radius_reader;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' < 9 :near;
SELECT count(*) FROM (SELECT id FROM items WHERE v <-> '[1,2,3,4,5,6,7,8]' < 9 :near) AS q;
RESET ROLE;
DROP OWNED BY radius_reader;
DROP ROLE radius_reader;
