-- When the planner takes an index USING hither: what pgvector's own tests want of its indexes, and that a
-- conversion, a join and a CTE do not hide it.
CREATE EXTENSION hither CASCADE;
SELECT setseed(0.5);
CREATE TABLE items (id int, v vector(3), c int, t text);
CREATE TABLE cat (id int PRIMARY KEY, t text, b boolean);
INSERT INTO items SELECT i, ARRAY[random(), random(), random()], i % 50, 'test ' || i
    FROM generate_series(1, 10000) i;
INSERT INTO cat SELECT i, 'cat ' || i, i % 5 = 0 FROM generate_series(1, 50) i;
CREATE INDEX items_v ON items USING hither (v vector_l2_ops);
ANALYZE;
\set q '\'[0.3,0.4,0.5]\''

-- No condition, and those that most rows pass.
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> :q LIMIT 20;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE c <> 7 ORDER BY v <-> :q LIMIT 20;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE t LIKE '%test%' ORDER BY v <-> :q LIMIT 20;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> :q < 1 ORDER BY v <-> :q LIMIT 20;
-- Those that few pass.
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE c = 7 ORDER BY v <-> :q LIMIT 20;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE c < 1 ORDER BY v <-> :q LIMIT 20;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE t LIKE '%other%' ORDER BY v <-> :q LIMIT 20;
-- No order, every row, another operator.
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE v <-> :q < 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> :q;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <=> :q LIMIT 20;
-- Joins, LATERAL, a CTE.
EXPLAIN (COSTS OFF) SELECT cat.t FROM cat JOIN items ON cat.id = items.c ORDER BY v <-> :q LIMIT 20;
EXPLAIN (COSTS OFF) SELECT cat.t FROM cat JOIN items ON cat.id = items.c WHERE cat.b ORDER BY v <-> :q LIMIT 20;
EXPLAIN (COSTS OFF) SELECT * FROM (SELECT v FROM items LIMIT 5) q,
    LATERAL (SELECT id FROM items ORDER BY items.v <-> q.v LIMIT 3) n;
EXPLAIN (COSTS OFF) WITH near AS MATERIALIZED (SELECT id, c FROM items ORDER BY v <-> :q LIMIT 20)
    SELECT id FROM near WHERE c = 7;
PREPARE near(vector) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT 5;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE near(:q);
-- An index on the attribute, and one of its rows alone.
CREATE INDEX items_c ON items (c);
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE c = 7 ORDER BY v <-> :q LIMIT 20;
CREATE INDEX items_partial ON items USING hither (v vector_l2_ops) WHERE c = 7;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE c = 7 ORDER BY v <-> :q LIMIT 20;
-- Vectors that lie in TOAST make a scan of the table look cheap.
CREATE TABLE wide (id int, v vector(1536));
INSERT INTO wide SELECT i, (SELECT array_agg(sin(i * d)) FROM generate_series(1, 1536) d)
    FROM generate_series(1, 1000) i;
CREATE INDEX wide_v ON wide USING hither (v vector_l2_ops);
ANALYZE wide;
EXPLAIN (COSTS OFF) SELECT id FROM wide ORDER BY v <-> (SELECT v FROM wide LIMIT 1) LIMIT 10;
