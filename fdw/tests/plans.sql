-- What the planner makes of the paths: partitions, joins, radii, counts, parameters, EXPLAIN.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE FOREIGN TABLE words
    (id bigint, embedding vector(384), synset text, pos text, words text, definition text)
    SERVER files OPTIONS (location 'words.hither', ef_search '400');
CREATE FOREIGN TABLE things (id bigint, embedding vector(3), n int, price float8, ok boolean,
    title text COLLATE "C", at timestamptz, doc jsonb) SERVER files OPTIONS (location 'things.hither');
CREATE TABLE plain AS SELECT * FROM things;
ALTER TABLE plain ADD PRIMARY KEY (id);
ANALYZE plain;

-- Whether a query gives the same rows over the foreign tables as over an ordinary one.
CREATE FUNCTION same(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE result boolean;
BEGIN
    EXECUTE format('SELECT (SELECT array_agg(a) FROM (%s) AS a) IS NOT DISTINCT FROM (SELECT array_agg(b) FROM (%s) AS b)',
        replace(query, '@', 'things'), replace(query, '@', 'plain')) INTO result;
    RETURN result;
END $$;

-- ANALYZE: statistics are what they are for an ordinary table.
ANALYZE words;
SELECT reltuples FROM pg_class WHERE relname = 'words';
ANALYZE things;
SELECT attname, f.null_frac = p.null_frac AS nulls, f.n_distinct = p.n_distinct AS distinct,
       f.most_common_vals::text IS NOT DISTINCT FROM p.most_common_vals::text AS common
    FROM pg_stats AS f JOIN pg_stats AS p USING (attname)
    WHERE f.tablename = 'things' AND p.tablename = 'plain' AND attname <> 'embedding' ORDER BY attname;

-- count(*) reads no row: from the manifest, or of what the index lets pass.
EXPLAIN (COSTS OFF) SELECT count(*) FROM words;
SELECT count(*) FROM words;
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) + 1 AS more FROM things WHERE n = 5 AND title LIKE 'Title 1%';
SELECT query, same(query) FROM unnest(ARRAY['SELECT count(*) FROM @', 'SELECT count(*) + 1 FROM @ WHERE n = 5 AND ok',
    'SELECT count(*), count(*) * 2 FROM @ WHERE id IN (1000, 1007, 5) AND n IS NULL', 'SELECT count(*) FROM @ WHERE length(title) = 8',
    'SELECT count(*), max(n) FROM @ WHERE n < 7', 'SELECT count(n) FROM @', 'SELECT ok, count(*) FROM @ GROUP BY ok ORDER BY ok',
    'SELECT count(*) FROM @ HAVING count(*) > 1000', 'SELECT (SELECT count(*) FROM @ WHERE n = p.n) FROM generate_series(1, 5) AS p(n)',
    'SELECT count(*) FILTER (WHERE ok) FROM @', 'SELECT count(*) FROM @ WHERE embedding <-> ''[1,2,3]'' < 2']) AS query;
PREPARE counted(int) AS SELECT count(*) FROM things WHERE n = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE counted(3);
EXECUTE counted(3);
EXECUTE counted(NULL);
RESET plan_cache_mode;

-- A radius: where to stop; Postgres decides at the edge.
EXPLAIN (COSTS OFF) SELECT id FROM things WHERE embedding <-> '[1,2,3]' < 1.5;
EXPLAIN (COSTS OFF) SELECT id FROM words WHERE 0.5 >= embedding <=> (SELECT embedding FROM words WHERE id = 42)
    ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 10;
SELECT id, round((embedding <=> (SELECT embedding FROM words WHERE id = 42))::numeric, 4) AS distance
    FROM words WHERE embedding <=> (SELECT embedding FROM words WHERE id = 42) <= 0.35
    ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 10;
EXPLAIN (COSTS OFF, SUMMARY OFF, TIMING OFF, ANALYZE, BUFFERS OFF) SELECT id FROM things WHERE embedding <-> '[1,2,3]' < 1.5;
SELECT query, same(query) FROM unnest(ARRAY[
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < 1.5 ORDER BY id',
    'SELECT id FROM @ WHERE ''[1,2,3]'' <-> embedding <= 4 AND n = 5 ORDER BY id',
    'SELECT id FROM @ WHERE 3 > embedding <+> ''[1,2,3]'' ORDER BY id',
    'SELECT id FROM @ WHERE embedding <=> ''[1,2,3]'' < 0.01 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <#> ''[1,2,3]'' < -20 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < 3 AND embedding <-> ''[0,0,0]'' < 4 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' BETWEEN 2 AND 3 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < ''NaN'' ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < ''Infinity'' ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < NULL::float8 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> NULL < 3 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <=> ''[0,0,0]'' < 3 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < -1 ORDER BY id',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < 5 ORDER BY embedding <-> ''[1,2,3]'', id LIMIT 7',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < 5 ORDER BY embedding <-> ''[0,0,9]'', id LIMIT 7',
    'SELECT id FROM @ WHERE embedding <-> ''[1,2,3]'' < 2 AND doc->>''k'' = ''1'' ORDER BY id',
    'SELECT count(*) FROM @ WHERE embedding <-> ''[1,2,3]'' < 2']) AS query;
-- At the edge: the radius is the very distance of a row.
SELECT bool_and((SELECT count(*) FROM things WHERE embedding <-> '[1,2,3]' <= r) = (SELECT count(*) FROM plain WHERE embedding <-> '[1,2,3]' <= r)
        AND (SELECT count(*) FROM things WHERE embedding <-> '[1,2,3]' < r) = (SELECT count(*) FROM plain WHERE embedding <-> '[1,2,3]' < r)
        AND (SELECT count(*) FROM things WHERE embedding <=> '[1,2,3]' <= c) = (SELECT count(*) FROM plain WHERE embedding <=> '[1,2,3]' <= c)
        AND (SELECT count(*) FROM things WHERE embedding <+> '[1,2,3]' < l) = (SELECT count(*) FROM plain WHERE embedding <+> '[1,2,3]' < l))
    FROM (SELECT embedding <-> '[1,2,3]' AS r, embedding <=> '[1,2,3]' AS c, embedding <+> '[1,2,3]' AS l FROM plain) AS radii;
PREPARE within(vector, float8) AS SELECT count(*) FROM things WHERE embedding <-> $1 < $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE within('[1,2,3]', 2);
EXECUTE within('[1,2,3]', NULL);
RESET plan_cache_mode;

-- Partitions that are foreign tables; MergeAppend over them.
CREATE TABLE by_range (id bigint, embedding vector(3), n int) PARTITION BY RANGE (id);
CREATE TABLE by_hash (id bigint, embedding vector(3), n int) PARTITION BY HASH (id);
CREATE FOREIGN TABLE range0 PARTITION OF by_range FOR VALUES FROM (0) TO (2000) SERVER files OPTIONS (location 'things.hither');
CREATE FOREIGN TABLE range1 PARTITION OF by_range FOR VALUES FROM (2000) TO (3000) SERVER files OPTIONS (location 'none.hither');
ALTER FOREIGN TABLE range1 OPTIONS (SET location 'parts/part0.hither');
CREATE FOREIGN TABLE hash0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 1, REMAINDER 0) SERVER files OPTIONS (location 'parts');
EXPLAIN (COSTS OFF) SELECT id FROM by_range ORDER BY embedding <-> '[1,2,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM by_range WHERE id = 1042;
EXPLAIN (COSTS OFF) SELECT id FROM by_hash ORDER BY embedding <-> '[1,2,3]' LIMIT 10;
SELECT (SELECT array_agg(id) FROM (SELECT id FROM by_hash ORDER BY embedding <-> '[1,2,3]' LIMIT 40) AS a)
     = (SELECT array_agg(id) FROM (SELECT id FROM plain ORDER BY embedding <-> '[1,2,3]' LIMIT 40) AS a);
-- Inheritance, with rows of the parent's own.
CREATE TABLE parent (id bigint, embedding vector(3), n int);
INSERT INTO parent SELECT id + 5000, embedding, n FROM plain WHERE id < 1010;
CREATE FOREIGN TABLE child0 () INHERITS (parent) SERVER files OPTIONS (location 'parts/part0.hither');
CREATE FOREIGN TABLE child1 () INHERITS (parent) SERVER files OPTIONS (location 'parts/part1.hither');
EXPLAIN (COSTS OFF) SELECT id FROM parent ORDER BY embedding <-> '[1,2,3]' LIMIT 10;
SELECT (SELECT array_agg(id) FROM (SELECT id FROM parent ORDER BY embedding <-> '[1,2,3]', id LIMIT 40) AS a)
     = (SELECT array_agg(id) FROM (SELECT id FROM (SELECT id, embedding FROM plain WHERE (id - 1000) % 3 < 2
        UNION ALL SELECT id + 5000, embedding FROM plain WHERE id < 1010) AS b ORDER BY embedding <-> '[1,2,3]', id LIMIT 40) AS a);
-- A CTE, inlined and materialised.
EXPLAIN (COSTS OFF) WITH c AS (SELECT * FROM things WHERE n > 3) SELECT id FROM c ORDER BY embedding <-> '[1,2,3]' LIMIT 5;
EXPLAIN (COSTS OFF) WITH c AS MATERIALIZED (SELECT * FROM things ORDER BY embedding <-> '[1,2,3]' LIMIT 5) SELECT id FROM c WHERE n > 3;

-- Joins by key: a look-up for each row of the other table, also partition by partition.
CREATE TABLE local (id bigint PRIMARY KEY, note text);
INSERT INTO local SELECT 10 * i, 'note ' || i FROM generate_series(0, 99) AS i;
ANALYZE local;
EXPLAIN (COSTS OFF) SELECT words, note FROM local JOIN words USING (id) WHERE note = 'note 7';
SELECT words, note FROM local JOIN words USING (id) WHERE note IN ('note 7', 'note 9') ORDER BY note;
SELECT count(*) FROM local JOIN words USING (id) WHERE pos = 'noun' AND length(words) < 10;
SELECT count(*) FROM local JOIN (SELECT id FROM words OFFSET 0) AS w USING (id);
EXPLAIN (COSTS OFF) SELECT note FROM words JOIN local USING (id) ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 3;
SELECT id, note FROM words JOIN local USING (id) ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 3;
SELECT id, found FROM local, LATERAL (SELECT w.id AS found FROM words AS w WHERE w.id = local.id + 1) AS l ORDER BY id LIMIT 3;
SELECT l.id, w.words FROM local AS l LEFT JOIN words AS w ON w.id = l.id * 100 WHERE l.id IN (90, 110) ORDER BY l.id;
SET enable_partitionwise_join = on;
CREATE TABLE other (id bigint, note text) PARTITION BY RANGE (id);
CREATE TABLE other0 PARTITION OF other FOR VALUES FROM (0) TO (2000);
CREATE TABLE other1 PARTITION OF other FOR VALUES FROM (2000) TO (3000);
INSERT INTO other SELECT 1000 + i, 'note ' || i FROM generate_series(0, 3) AS i;
ANALYZE other;
EXPLAIN (COSTS OFF) SELECT note FROM by_range JOIN other USING (id);
SELECT note, n FROM by_range JOIN other USING (id) ORDER BY note;
RESET enable_partitionwise_join;

-- LIMIT and OFFSET say how many rows are wanted, as parameters too.
EXPLAIN (COSTS OFF) SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 600 OFFSET 100;
PREPARE page(bigint, bigint) AS SELECT id FROM things ORDER BY embedding <-> '[1,2,3]' LIMIT $1 OFFSET $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE page(3, 0);
EXECUTE page(2, 1);
EXECUTE page(0, 5);
SELECT count(*) FROM (SELECT id FROM things ORDER BY embedding <-> '[1,2,3]' LIMIT (SELECT 250) OFFSET 3) AS a;
EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, TIMING OFF, BUFFERS OFF) EXECUTE page(NULL, 290);
RESET plan_cache_mode;

-- What depends on complete order is exact.
SELECT query, same(query) FROM unnest(ARRAY[
    'SELECT round((embedding <-> ''[1,2,3]'')::numeric, 3), count(*) FROM @ GROUP BY embedding <-> ''[1,2,3]'' ORDER BY embedding <-> ''[1,2,3]'' LIMIT 9',
    'SELECT DISTINCT ON (embedding <-> ''[1,2,3]'') id FROM @ ORDER BY embedding <-> ''[1,2,3]'', id LIMIT 9',
    'SELECT id, rank() OVER (ORDER BY embedding <-> ''[1,2,3]'') FROM @ ORDER BY 2, 1 LIMIT 9',
    'SELECT id FROM @ ORDER BY embedding <=> ''[1,2,3]'', id LIMIT 9', 'SELECT id FROM @ ORDER BY embedding <+> ''[1,2,3]'', id LIMIT 9',
    'SELECT id FROM @ ORDER BY embedding <#> ''[1,2,3]'', id LIMIT 9', 'SELECT id FROM @ ORDER BY embedding <-> ''[1,2,3]'' NULLS FIRST, id LIMIT 9',
    'SELECT id FROM @ ORDER BY embedding <-> ''[1,2,3]'' DESC, id LIMIT 9', 'SELECT id FROM @ ORDER BY n NULLS FIRST, embedding <-> ''[1,2,3]'', id LIMIT 9',
    'SELECT id FROM @ ORDER BY l2_distance(embedding, ''[1,2,3]''), id LIMIT 9',
    'SELECT id FROM @ ORDER BY embedding <-> ''[1,2,3]'', id FETCH FIRST 9 ROWS WITH TIES']) AS query;

-- Why an order was not pushed, and typed values for programs.
CREATE FUNCTION why(clause text, columns text DEFAULT 'id') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT ' || columns || ' FROM words ' || clause LOOP
        IF line ~ '(Not Pushed|Index Search):' THEN RETURN NEXT trim(line); END IF;
    END LOOP;
END $$;
SELECT embedding AS q FROM words WHERE id = 42 \gset
SELECT clause, why(replace(clause, '@', quote_literal(:'q') || '::vector')) FROM unnest(ARRAY[
    'ORDER BY embedding <=> @ LIMIT 5', 'ORDER BY embedding <+> @ LIMIT 5', 'ORDER BY embedding <=> @ DESC LIMIT 5',
    'ORDER BY embedding <=> @ NULLS FIRST LIMIT 5', 'ORDER BY pos, embedding <=> @ LIMIT 5', 'ORDER BY cosine_distance(embedding, @) LIMIT 5',
    'ORDER BY embedding <=> (@ + random()::text::vector) LIMIT 5',
    'WHERE embedding <=> @ > 0.5', 'WHERE embedding <=> @ < random()', 'WHERE length(words) = 3 AND pos = ''verb''']) AS clause;
-- Ranks of the nearest, as in hybrid search, need no complete order; others do.
SELECT start, why('ORDER BY ' || by || ' LIMIT 3', columns) FROM (VALUES
    ('id, rank() OVER (ORDER BY embedding <=> ' || quote_literal(:'q') || ')', 'embedding <=> ' || quote_literal(:'q')),
    ('id, rank() OVER (ORDER BY embedding <=> ' || quote_literal(:'q') || ') AS r', 'r')) AS v(columns, by),
    LATERAL (SELECT right(columns, 4) AS start) AS s;
CREATE FUNCTION typed(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, TIMING OFF, BUFFERS OFF, FORMAT JSON) ' || query INTO plan;
    plan := plan #> '{0,Plan,Plans,0}';
    RETURN (SELECT jsonb_object_agg(key, value) FROM jsonb_each(plan) WHERE key IN ('Index Search', 'Exact Because',
        'Search Setting', 'Distance Operator', 'Radius', 'Shards', 'Pushed Filters', 'Not Pushed', 'Vectors Compared', 'Late Rows'));
END $$;
SELECT typed('SELECT id FROM words ORDER BY embedding <+> ' || quote_literal(:'q') || ' LIMIT 5');
SELECT typed('SELECT id FROM words WHERE length(words) > 3 AND words ~ ''a'' AND pos = ''noun'' ORDER BY embedding <=> '
    || quote_literal(:'q') || ' LIMIT 5') - 'Vectors Compared';

-- Parallel plans: a worker's scan is whole, or the worker's alone.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET cpu_tuple_cost = 1;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM child0 WHERE length(n::text) > 0 UNION ALL SELECT id FROM child1 WHERE length(n::text) > 0) AS u;
SELECT count(*) = (SELECT count(*) FROM plain WHERE length(n::text) > 0) FROM plain JOIN things USING (id) WHERE length(things.n::text) > 0;
RESET ALL;

-- Recall on a sample of the table's own rows, and what this backend did.
SELECT hither.recall('words', 10, 50) > 0.98 AS high, hither.recall('things') = 1 AS exact;
ALTER FOREIGN TABLE words OPTIONS (SET ef_search '1');
SELECT hither.recall('words', 1, 1000) BETWEEN 0.9 AND 0.9999 AS low;
SELECT hither.recall('plain');
SELECT hither.recall('words', 0);
SELECT scans > 0 AS scans, searches > 0 AS searches, look_ups > 0 AS look_ups, counts > 0 AS counts, rows > 0 AS rows,
    codes_compared > 0 AS codes, vectors_compared > 0 AS vectors, late_rows >= 0 AS late FROM hither.stats;
