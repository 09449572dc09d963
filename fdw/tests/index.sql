-- CREATE INDEX … USING hither: each answer of an index is compared with that of a sequential scan.
SET client_min_messages = warning;
CREATE EXTENSION hither CASCADE;
RESET client_min_messages;
\setenv PSQL :psql

-- The same rows on every machine.
CREATE FUNCTION point(i int, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint4(i * 20000 + j) & 4095) / 256.0 - 8) FROM generate_series(1, dimensions) AS j';
-- What a query, which gives an id and a distance, has by an index and by a sequential scan. Of a LIMIT
-- as many rows are wanted, nine tenths of them the nearest; without, the same rows.
CREATE FUNCTION asked(query text, by_index boolean) RETURNS TABLE (place bigint, id int, distance float8) LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config(name, (name ~ 'index' = by_index)::text, true) FROM unnest(ARRAY['enable_seqscan', 'enable_indexscan']) AS name;
    RETURN QUERY EXECUTE 'SELECT row_number() OVER (), q.* FROM (' || query || ') AS q';
END $$;
CREATE FUNCTION uses_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text; BEGIN
    PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true);
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Order By: ' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;
CREATE FUNCTION compared(query text) RETURNS TABLE (by_index boolean, rows bigint, differ text) LANGUAGE plpgsql AS $$
DECLARE ours record; theirs record; nearest bigint; BEGIN
    by_index := uses_index(query);
    SELECT array_agg(id ORDER BY id) AS ids, array_agg(round(distance::numeric, 5) ORDER BY place) AS distances INTO ours FROM asked(query, true);
    SELECT array_agg(id ORDER BY id) AS ids, array_agg(round(distance::numeric, 5) ORDER BY place) AS distances INTO theirs FROM asked(query, false);
    rows := cardinality(ours.ids);
    IF ours.ids <> theirs.ids AND query !~ 'LIMIT' THEN
        differ := format('%s rows, not %s; %s', rows, cardinality(theirs.ids), ours.ids);
    ELSIF rows IS DISTINCT FROM cardinality(theirs.ids) THEN
        differ := format('%s rows, not %s', rows, cardinality(theirs.ids));
    ELSIF query ~ 'LIMIT' AND rows > 0 THEN
        SELECT count(*) INTO nearest FROM unnest(ours.distances) AS d WHERE d <= theirs.distances[rows];
        IF nearest < 0.9 * rows THEN differ := format('%s of the %s nearest', nearest, rows); END IF;
    END IF;
    RESET enable_seqscan;
    RESET enable_indexscan;
    RETURN NEXT;
END $$;

-- What there is: pgvector's names, and no default.
SELECT opcname, opcintype::regtype, opcdefault FROM pg_opclass JOIN pg_am ON pg_am.oid = opcmethod WHERE amname = 'hither' ORDER BY 1;
SELECT opcname, amvalidate(pg_opclass.oid) FROM pg_opclass JOIN pg_am ON pg_am.oid = opcmethod WHERE amname = 'hither' ORDER BY 1;
SELECT pg_indexam_has_property(oid, name) AS has, string_agg(name, ' ') FROM pg_am,
    unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) AS name WHERE amname = 'hither' GROUP BY 1;

-- Every type, distance and kind: rows enough for a graph, NULL and zero vectors among them.
CREATE FUNCTION try_all(elements text) RETURNS TABLE (type text, metric text, kind text, by_index text, rows text, differ text) LANGUAGE plpgsql AS $$
DECLARE operator text; BEGIN
    FOREACH type IN ARRAY ARRAY['vector', 'halfvec'] LOOP
        EXECUTE format('CREATE TABLE t (id serial PRIMARY KEY, v %s(3))', type);
        EXECUTE format('INSERT INTO t (v) SELECT x::%s FROM unnest(%L::text[]) AS x', type, elements);
        EXECUTE format('INSERT INTO t (v) SELECT point(i, 3)::%s FROM generate_series(1, 2100) AS i', type);
        FOR metric, operator IN VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>'), ('l1', '<+>') LOOP
            FOREACH kind IN ARRAY ARRAY['hnsw', 'ivf', 'flat'] LOOP
                EXECUTE format('CREATE INDEX i ON t USING hither (v %s_%s_ops) WITH (kind = %s, growing_rows = 64)', type, metric, kind);
                EXECUTE format('INSERT INTO t (v) SELECT point(i, 3)::%s FROM generate_series(2101, 2200) AS i', type);
                SELECT string_agg(DISTINCT c.by_index::text, ' '), string_agg(c.rows::text, ' ' ORDER BY number), string_agg(c.differ, '; ')
                    INTO by_index, rows, differ
                    FROM unnest(ARRAY['LIMIT 10', 'LIMIT 5 OFFSET 7', '', 'LIMIT 100']) WITH ORDINALITY AS l(bound, number),
                    LATERAL compared(format('SELECT id, v %1$s %2$L FROM t WHERE v IS NOT NULL %3$s ORDER BY v %1$s %2$L %4$s', operator,
                        '[' || number || ',2,-3.5]', CASE metric WHEN 'cosine' THEN 'AND v <> ''[0,0,0]''' END, bound)) AS c;
                RETURN NEXT;
                DROP INDEX i;
                EXECUTE 'DELETE FROM t WHERE id > 2105';
            END LOOP;
        END LOOP;
        DROP TABLE t;
    END LOOP;
END $$;
SELECT * FROM try_all('{"[0,0,0]","[1,2,3]",NULL,"[1,2,3]","[-1,-2,-3]"}');

-- NULL is not in the index, nor what has no direction under cosine; a query may be either.
CREATE TABLE few (id int, v vector(3));
INSERT INTO few VALUES (1, '[0,0,0]'), (2, '[1,2,3]'), (3, NULL), (4, '[1,1,1]');
CREATE INDEX few_l2 ON few USING hither (v vector_l2_ops);
CREATE INDEX few_cosine ON few USING hither (v vector_cosine_ops);
INSERT INTO few VALUES (5, '[0,0,0]'), (6, '[1,2,4]'), (7, NULL);
SET enable_seqscan = off;
SELECT id, v <-> '[1,2,3]' AS distance FROM few ORDER BY v <-> '[1,2,3]';
SELECT id, v <=> '[1,2,3]' < 0.1 AS near FROM few ORDER BY v <=> '[1,2,3]';
SELECT count(*) FROM (SELECT * FROM few ORDER BY v <=> '[0,0,0]') AS q;
SELECT count(*) FROM (SELECT * FROM few ORDER BY v <-> NULL) AS q;
SELECT count(*) FROM (SELECT * FROM few ORDER BY v <=> (SELECT NULL::vector) LIMIT 2) AS q;
SELECT count(*) FROM (SELECT * FROM few ORDER BY v <-> '[0,0,0]' LIMIT 3) AS q;
SELECT id FROM few WHERE v IS NOT NULL ORDER BY v <-> '[1,2,3]' LIMIT 2;
SELECT count(*) FROM (SELECT id FROM few WHERE v IS NULL ORDER BY v <-> '[1,2,3]') AS q;
EXPLAIN (COSTS OFF) SELECT id FROM few ORDER BY v <-> '[1,2,3]' LIMIT 2;
EXPLAIN (COSTS OFF) SELECT id FROM few WHERE v <-> '[1,2,3]' < 2 ORDER BY v <-> '[1,2,3]';
-- Wrong queries.
SELECT id FROM few ORDER BY v <-> '[1,2]';
SELECT id FROM few ORDER BY v <-> '[1,2,3,4]' LIMIT 1;
SELECT id FROM few ORDER BY v <=> '[1,2]'::vector LIMIT 1;
SELECT id FROM few ORDER BY v <-> '[1,2,NaN]';
INSERT INTO few VALUES (8, '[1,2]');
RESET enable_seqscan;
SELECT count(*) FROM few;
-- No other distance, no order backwards, nothing but an order.
EXPLAIN (COSTS OFF) SELECT id FROM few ORDER BY v <+> '[1,2,3]' LIMIT 2;
EXPLAIN (COSTS OFF) SELECT id FROM few ORDER BY v <-> '[1,2,3]' DESC LIMIT 2;
EXPLAIN (COSTS OFF) SELECT count(*) FROM few;

-- What cannot be indexed.
CREATE TABLE refused (id int, v vector, w vector(3), h halfvec(3), b bit(3), s sparsevec(3), a real[]);
CREATE INDEX ON refused USING hither (v vector_l2_ops);
CREATE INDEX ON refused USING hither (w);
CREATE INDEX ON refused USING hither (w halfvec_l2_ops);
CREATE INDEX ON refused USING hither (h vector_l2_ops);
CREATE INDEX ON refused USING hither (b bit_hamming_ops);
CREATE INDEX ON refused USING hither (s sparsevec_l2_ops);
CREATE INDEX ON refused USING hither (s sparsevec_cosine_ops, id) WITH (kind = flat);
CREATE INDEX ON refused USING hither ((binary_quantize(w)::bit(3)) bit_jaccard_ops);
CREATE INDEX ON refused USING hither (b);
CREATE INDEX ON refused USING hnsw (b bit_hamming_ops);
CREATE INDEX ON refused USING hnsw (s sparsevec_l2_ops);
DROP INDEX refused_b_idx, refused_s_idx;
CREATE INDEX ON refused USING hither (w vector_l2_ops, b bit_hamming_ops);
CREATE INDEX ON refused USING hither (a vector_l2_ops);
CREATE INDEX ON refused USING hither (id vector_l2_ops);
CREATE INDEX ON refused USING hither (w vector_l2_ops) INCLUDE (id);
CREATE INDEX ON refused USING hither (w vector_l2_ops, h halfvec_l2_ops);
CREATE INDEX ON refused USING hither (id, w vector_l2_ops);
CREATE INDEX ON refused USING hither (w vector_l2_ops DESC);
CREATE UNIQUE INDEX ON refused USING hither (w vector_l2_ops);
\set VERBOSITY sqlstate
ALTER TABLE refused ADD EXCLUDE USING hither (w vector_l2_ops WITH =);
\set VERBOSITY verbose
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (kind = 'tree');
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (m = 1);
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (m = 100000);
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (ef_construction = 3);
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (growing_rows = 15);
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (recall = 1.5);
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (lists = -1);
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (fillfactor = 50);
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (m = 'many');
SELECT count(*) FROM pg_index WHERE indrelid = 'refused'::regclass;
-- Options as text, and with their other spellings; a type without dimensions by an expression.
CREATE INDEX ON refused USING hither (w vector_l2_ops) WITH (m = '8', ef_construction = '32', kind = HNSW);
CREATE INDEX ON refused USING hither ((v::vector(2)) vector_l2_ops);
INSERT INTO refused (id, v, w) VALUES (1, '[1,2]', '[1,2,3]');
INSERT INTO refused (id, v) VALUES (1, '[1,2,3]');
SELECT * FROM compared('SELECT id, v::vector(2) <-> ''[1,1]'' FROM refused ORDER BY v::vector(2) <-> ''[1,1]''');

-- Rows of a length that only direction can measure.
CREATE TABLE lengths (id int, v vector(3));
CREATE INDEX lengths_index ON lengths USING hither (v vector_l2_ops);
INSERT INTO lengths VALUES (1, '[1e30,1,1]');
DROP INDEX lengths_index;
INSERT INTO lengths VALUES (1, '[1e30,1,1]'), (2, '[1e-30,0,0]'), (3, '[0,3e38,0]'), (4, '[1e-3,1e-3,0]'), (5, '[0,1e18,-1e18]');
CREATE INDEX ON lengths USING hither (v vector_l2_ops);
CREATE INDEX ON lengths USING hither (v vector_cosine_ops);
SELECT * FROM compared('SELECT id, v <=> ''[1,1,0]'' FROM lengths ORDER BY v <=> ''[1,1,0]'' LIMIT 3');
SELECT * FROM compared('SELECT id, 0::float8 FROM lengths WHERE id <> 2 ORDER BY v <=> ''[0,1e-20,0]''');

-- A table for the rest: 2,500 rows, of which a graph is worth building, one index of each sort.
CREATE TABLE items (id int PRIMARY KEY, v vector(8), n int);
INSERT INTO items SELECT i, point(i, 8)::vector, i % 10 FROM generate_series(1, 2500) AS i;
CREATE INDEX items_l2 ON items USING hither (v vector_l2_ops) WITH (growing_rows = 64);
CREATE INDEX items_cosine ON items USING hither (v vector_cosine_ops) WITH (kind = 'ivf', lists = 20, growing_rows = 64);
CREATE INDEX items_half ON items USING hither ((v::halfvec(8)) halfvec_ip_ops) WITH (kind = 'flat', growing_rows = 16);
CREATE INDEX items_part ON items USING hither (v vector_l1_ops) WHERE n = 3;
ANALYZE items;
CREATE FUNCTION all_compared() RETURNS TABLE (by_index text, rows text, differ text) LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT c.by_index::text, ' '), string_agg(c.rows::text, ' '), string_agg(name || ': ' || c.differ, '; ') FROM (VALUES
        ('items_l2', 'SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'''),
        ('items_l2', 'SELECT id, v <-> ''[1,2,3,4,-5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,-5,6,7,8]'' LIMIT 20'),
        ('items_cosine', 'SELECT id, v <=> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <=> ''[1,2,3,4,5,6,7,8]'''),
        ('items_cosine', 'SELECT id, v <=> ''[1,2,3,4,-5,6,7,8]'' FROM items ORDER BY v <=> ''[1,2,3,4,-5,6,7,8]'' LIMIT 20'),
        ('items_half', 'SELECT id, v::halfvec(8) <#> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v::halfvec(8) <#> ''[1,2,3,4,5,6,7,8]'''),
        ('items_half', 'SELECT id, v::halfvec(8) <#> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v::halfvec(8) <#> ''[1,2,3,4,5,6,7,8]'' LIMIT 20'),
        ('items_part', 'SELECT id, v <+> ''[1,2,3,4,5,6,7,8]'' FROM items WHERE n = 3 ORDER BY v <+> ''[1,2,3,4,5,6,7,8]'''),
        ('items_part', 'SELECT id, v <+> ''[1,2,3,4,5,6,7,8]'' FROM items WHERE n = 3 ORDER BY v <+> ''[1,2,3,4,5,6,7,8]'' LIMIT 20')
    ) AS q(name, query), compared(query) AS c $$;
SELECT * FROM all_compared();
SELECT relname, relpersistence, reloptions FROM pg_class WHERE relname LIKE 'items\_%' AND relkind = 'i' ORDER BY 1;

-- Statements that change rows, their rollback, and VACUUM.
INSERT INTO items SELECT i, point(i, 8)::vector, i % 10 FROM generate_series(2501, 3000) AS i;
UPDATE items SET v = point(id + 5000, 8)::vector WHERE id % 3 = 0;
UPDATE items SET n = 3 WHERE id % 100 = 7;
DELETE FROM items WHERE id % 7 = 0;
SELECT * FROM all_compared();
BEGIN;
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(4001, 4200) AS i;
SELECT * FROM all_compared();
SAVEPOINT s;
DELETE FROM items WHERE id > 4100;
UPDATE items SET v = '[1,2,3,4,5,6,7,8]' WHERE id = 4001;
SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 1;
ROLLBACK TO s;
SELECT * FROM all_compared();
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(4301, 5000) AS i;
RELEASE s;
ROLLBACK;
SELECT * FROM all_compared();
VACUUM items;
SELECT * FROM all_compared();
-- Places in the table that VACUUM freed are used again, of growing rows too.
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(7001, 7020) AS i;
DELETE FROM items WHERE id BETWEEN 7001 AND 7010;
VACUUM items;
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(7101, 7110) AS i;
SELECT * FROM all_compared();
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(7201, 7500) AS i;
SELECT * FROM all_compared();
VACUUM (FULL) items;
VACUUM (PARALLEL 2) items;
SELECT * FROM all_compared();

-- Building again.
REINDEX INDEX items_l2;
REINDEX INDEX CONCURRENTLY items_cosine;
REINDEX TABLE CONCURRENTLY items;
CLUSTER items USING items_pkey;
SELECT * FROM all_compared();
DROP INDEX CONCURRENTLY items_part;
CREATE INDEX CONCURRENTLY items_part ON items USING hither (v vector_l1_ops) WITH (growing_rows = 16) WHERE n = 3;
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(9001, 9100) AS i;
SELECT * FROM all_compared();
SELECT count(*) FROM pg_index WHERE indrelid = 'items'::regclass AND indisvalid AND indisready;
CLUSTER items USING items_l2;
-- Of the options what a search takes counts at once, the rest from the next building on.
ALTER INDEX items_l2 SET (ef_search = 200, m = 24, growing_rows = 128);
ALTER INDEX items_l2 SET (kind = 'nothing');
ALTER INDEX items_l2 SET (ef_search = -1);
ALTER INDEX items_l2 RESET (m);
SELECT reloptions FROM pg_class WHERE relname = 'items_l2';
ALTER INDEX items_l2 SET (kind = 'flat');
REINDEX INDEX items_l2;
SELECT * FROM all_compared();
-- maintenance_work_mem holds a part of the rows, and an insert beside a build cannot be.
SET maintenance_work_mem = '1MB';
REINDEX INDEX items_half;
RESET maintenance_work_mem;
SET max_parallel_maintenance_workers = 0;
REINDEX INDEX items_cosine;
RESET max_parallel_maintenance_workers;
SELECT * FROM all_compared();
SET hither.near_copies = off;
REINDEX INDEX items_cosine;
SELECT * FROM all_compared();
RESET hither.near_copies;

-- All rows in order, more than ef_search, relaxed and strict; a radius.
SELECT * FROM compared('SELECT id, v <-> ''[0,0,0,0,0,0,0,0]'' FROM items ORDER BY v <-> ''[0,0,0,0,0,0,0,0]'' LIMIT 1000');
SELECT * FROM compared('SELECT id, v <-> ''[9,0,0,0,0,0,0,0]'' FROM items WHERE n = 3 ORDER BY v <-> ''[9,0,0,0,0,0,0,0]'' LIMIT 30');
SELECT * FROM compared('SELECT id, v <-> ''[9,0,0,0,0,0,0,0]'' FROM items WHERE v <-> ''[9,0,0,0,0,0,0,0]'' < 14 ORDER BY v <-> ''[9,0,0,0,0,0,0,0]''');
SET hither.iterative_scan = 'relaxed';
SELECT * FROM all_compared();
RESET hither.iterative_scan;
SET hither.ef_search = 1;
SELECT rows FROM all_compared();
RESET hither.ef_search;

-- Joins, LATERAL, subqueries, prepared statements, cursors.
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT n.id), bool_and(n.id <> q.id) FROM (SELECT * FROM items WHERE id <= 50) AS q,
    LATERAL (SELECT id FROM items WHERE id <> q.id ORDER BY items.v <-> q.v LIMIT 5) AS n;
SELECT count(*) FROM (SELECT * FROM items WHERE id <= 50) AS q,
    LATERAL (SELECT id FROM items ORDER BY items.v <-> q.v LIMIT 1) AS n WHERE n.id = q.id;
WITH nearest AS (SELECT id, n FROM items ORDER BY v <=> '[1,1,1,1,1,1,1,1]' LIMIT 30) SELECT sum(count) FROM (SELECT n, count(*) FROM nearest GROUP BY n) AS c;
SET plan_cache_mode = force_generic_plan;
PREPARE nearest(vector, int) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;
EXPLAIN (COSTS OFF) EXECUTE nearest('[1,1,1,1,1,1,1,1]', 3);
SELECT v AS tenth FROM items WHERE id = 10 \gset
EXECUTE nearest(:'tenth', 1);
EXECUTE nearest(NULL, 0);
EXECUTE nearest('[1,2,3]', 3);
RESET plan_cache_mode;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 10);
FETCH 1 FROM c;
MOVE 99 FROM c;
DELETE FROM items WHERE id BETWEEN 11 AND 500;
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(10001, 10500) AS i;
MOVE ALL FROM c;
FETCH 1 FROM c;
SAVEPOINT s;
FETCH BACKWARD 1 FROM c;
ROLLBACK TO s;
SELECT * FROM all_compared();
DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 10);
COMMIT;
FETCH 1 FROM held;
MOVE ALL FROM held;
FETCH RELATIVE -1 FROM held;
CLOSE held;
RESET enable_seqscan;

-- COPY, and rows by others: a snapshot sees its own.
\! $PSQL -d index -Atqc "SELECT i, point(i, 8)::vector, 1 FROM generate_series(20001, 20500) AS i" -F '	' | $PSQL -d index -qc "COPY items FROM STDIN"
SELECT * FROM all_compared();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM items WHERE n = 1;
\! $PSQL -d index -Atqc "DELETE FROM items WHERE id % 2 = 0" -c "INSERT INTO items SELECT i, point(i, 8)::vector, 1 FROM generate_series(30001, 30500) AS i" -c "VACUUM items"
SELECT * FROM all_compared();
COMMIT;
SELECT * FROM all_compared();
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT rows FROM all_compared();
INSERT INTO items VALUES (40000, '[1,2,3,4,5,6,7,8]', 3);
SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 1;
COMMIT;

-- Who may not read the table does not by its index; a policy holds.
CREATE ROLE index_reader;
GRANT SELECT (id, v) ON items TO index_reader;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON items TO index_reader USING (id < 100);
SET ROLE index_reader;
SET enable_seqscan = off;
SELECT count(*), max(id) < 100 AS own FROM (SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]') AS q;
SELECT n FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 1;
ALTER INDEX items_l2 SET (ef_search = 10);
RESET ROLE;
RESET enable_seqscan;
ALTER TABLE items DISABLE ROW LEVEL SECURITY;
DROP OWNED BY index_reader;
DROP ROLE index_reader;

-- TRUNCATE, alone and rolled back, and in the transaction that made the table.
BEGIN;
TRUNCATE items;
INSERT INTO items VALUES (1, '[1,2,3,4,5,6,7,8]', 3);
SELECT * FROM all_compared();
ROLLBACK;
SELECT * FROM all_compared();
TRUNCATE items;
SELECT rows FROM all_compared();
INSERT INTO items SELECT i, point(i, 8)::vector, 3 FROM generate_series(1, 500) AS i;
SELECT * FROM all_compared();
BEGIN;
CREATE TABLE fresh (id int, v vector(8));
INSERT INTO fresh SELECT i, point(i, 8)::vector FROM generate_series(1, 300) AS i;
CREATE INDEX ON fresh USING hither (v vector_l2_ops) WITH (growing_rows = 16);
INSERT INTO fresh SELECT i, point(i, 8)::vector FROM generate_series(301, 600) AS i;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM fresh ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
TRUNCATE fresh;
INSERT INTO fresh SELECT i, point(i, 8)::vector FROM generate_series(601, 900) AS i;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM fresh ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
COMMIT;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM fresh ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');

-- Tables that are temporary or unlogged, or become logged; another type of the column.
CREATE TEMPORARY TABLE passing (id int, v vector(8)) ON COMMIT DELETE ROWS;
CREATE INDEX ON passing USING hither (v vector_l2_ops) WITH (growing_rows = 16);
BEGIN;
INSERT INTO passing SELECT i, point(i, 8)::vector FROM generate_series(1, 600) AS i;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM passing ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
COMMIT;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM passing ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
BEGIN;
INSERT INTO passing SELECT i, point(i, 8)::vector FROM generate_series(1, 20) AS i;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM passing ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
COMMIT;
CREATE UNLOGGED TABLE unlogged (id int, v vector(8));
CREATE INDEX unlogged_v_idx ON unlogged USING hither (v vector_l2_ops) WITH (growing_rows = 16);
INSERT INTO unlogged SELECT i, point(i, 8)::vector FROM generate_series(1, 600) AS i;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM unlogged ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
ALTER TABLE unlogged SET LOGGED;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM unlogged ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
ALTER TABLE unlogged SET UNLOGGED;
INSERT INTO unlogged SELECT i, point(i, 8)::vector FROM generate_series(601, 700) AS i;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM unlogged ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
ALTER TABLE unlogged ALTER COLUMN v TYPE vector(4) USING subvector(v, 1, 4);
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4]'' FROM unlogged ORDER BY v <-> ''[1,2,3,4]''');
ALTER TABLE unlogged ALTER COLUMN v TYPE halfvec(4);
ALTER TABLE unlogged ALTER COLUMN v TYPE vector;
-- The index keeps its dimensions.
INSERT INTO unlogged VALUES (701, '[1,2,3,4]');
INSERT INTO unlogged VALUES (702, '[1,2,3]');
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4]'' FROM unlogged ORDER BY v <-> ''[1,2,3,4]''');
\d unlogged

-- Partitions: an index of all, of each, made apart and attached.
CREATE TABLE parts (id int, v vector(8)) PARTITION BY RANGE (id);
CREATE TABLE part_0 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
INSERT INTO parts SELECT i, point(i, 8)::vector FROM generate_series(1, 1500) AS i;
CREATE INDEX parts_v ON ONLY parts USING hither (v vector_l2_ops);
CREATE INDEX part_0_v ON part_0 USING hither (v vector_l2_ops) WITH (growing_rows = 16);
CREATE INDEX part_1_v ON part_1 USING hither (v vector_l2_ops) WITH (kind = 'flat');
SELECT indisvalid FROM pg_index WHERE indexrelid = 'parts_v'::regclass;
ALTER INDEX parts_v ATTACH PARTITION part_0_v;
ALTER INDEX parts_v ATTACH PARTITION part_1_v;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'parts_v'::regclass;
CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (2000) TO (4000);
INSERT INTO parts SELECT i, point(i, 8)::vector FROM generate_series(1501, 2500) AS i;
UPDATE parts SET id = id + 1000 WHERE id % 10 = 0 AND id < 1500;
ANALYZE parts;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM parts ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 3;
RESET enable_seqscan;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM parts ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM parts ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 20');
ALTER TABLE parts DETACH PARTITION part_1;
REINDEX TABLE parts;
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM parts ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
-- By another column, and of a table without rows.
CREATE TABLE empty (v vector(3));
CREATE INDEX ON empty USING hither (v vector_l2_ops);
SELECT * FROM compared('SELECT 1, v <-> ''[1,2,3]'' FROM empty ORDER BY v <-> ''[1,2,3]''');
VACUUM empty;
SELECT relname, relpages > 0 AS pages, reltuples FROM pg_class WHERE relname = 'empty_v_idx';

-- Wide vectors, whose rows take several pages, and rows that are kept apart from the table.
CREATE FUNCTION try_wide(type text, dimensions int) RETURNS TABLE (by_index text, rows text, differ text) LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE format('CREATE TABLE wide (id int, v %s(%s))', type, dimensions);
    EXECUTE format('INSERT INTO wide SELECT i, point(i, %s)::%s FROM generate_series(1, 30) AS i', dimensions, type);
    EXECUTE format('CREATE INDEX wide_v ON wide USING hither (v %s_l2_ops) WITH (growing_rows = 16)', type);
    EXECUTE format('INSERT INTO wide SELECT i, point(i, %s)::%s FROM generate_series(31, 40) AS i', dimensions, type);
    SELECT string_agg(c.by_index::text, ' '), string_agg(c.rows::text, ' '), string_agg(c.differ, '; ') INTO by_index, rows, differ
        FROM unnest(ARRAY['', 'LIMIT 3']) AS bound,
        LATERAL compared(format('SELECT id, v <-> (SELECT v FROM wide WHERE id = 35) FROM wide ORDER BY v <-> (SELECT v FROM wide WHERE id = 35) %s', bound)) AS c;
    RETURN NEXT;
    DELETE FROM wide WHERE id % 2 = 0;
    EXECUTE format('INSERT INTO wide SELECT i, point(i, %s)::%s FROM generate_series(41, 90) AS i', dimensions, type);
    PERFORM hither.merge('wide_v');
    SELECT string_agg(c.by_index::text, ' '), string_agg(c.rows::text, ' '), string_agg(c.differ, '; ') INTO by_index, rows, differ
        FROM unnest(ARRAY['', 'LIMIT 3']) AS bound,
        LATERAL compared(format('SELECT id, v <-> (SELECT v FROM wide WHERE id = 35) FROM wide ORDER BY v <-> (SELECT v FROM wide WHERE id = 35) %s', bound)) AS c;
    RETURN NEXT;
    DROP TABLE wide;
END $$;
SELECT type, dimensions, w.* FROM (VALUES ('vector', 1), ('vector', 2034), ('vector', 2036), ('vector', 2048), ('halfvec', 4100), ('vector', 16000)) AS t(type, dimensions), try_wide(type, dimensions) AS w;
CREATE TABLE wide (v vector(16001));

-- What EXPLAIN says of a scan, and what is counted.
CREATE TABLE counted AS SELECT i AS id, point(i, 8)::vector(8) AS v FROM generate_series(1, 100) AS i;
CREATE INDEX counted_v ON counted USING hither (v vector_l2_ops);
SET enable_seqscan = off;
SELECT count(*) FROM generate_series(1, 3) AS g(i), LATERAL (SELECT id FROM counted ORDER BY v <-> point(g.i, 8)::vector LIMIT 2) AS n;
RESET enable_seqscan;
SELECT pg_stat_force_next_flush();
SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'counted_v';
SELECT pg_get_indexdef('items_l2'::regclass);

-- What indexes consist of, their pages, and merging by hand: to who owns the table.
CREATE TABLE seen AS SELECT i AS id, point(i, 8)::vector(8) AS v FROM generate_series(1, 1000) AS i;
CREATE INDEX seen_v ON seen USING hither (v vector_l2_ops) WITH (growing_rows = 1000);
INSERT INTO seen SELECT i, point(i, 8)::vector FROM generate_series(1001, 1100) AS i;
DELETE FROM seen WHERE id % 10 = 0;
VACUUM seen;
SELECT "table", index, kind, metric, dimensions, rows, growing, deleted, segments, near_copies, format, options FROM hither.indexes WHERE index = 'seen_v'::regclass;
SELECT hither.verify('seen_v'), hither.merge('seen_v'), hither.verify('seen_v');
SELECT rows, growing, deleted, segments, near_copies FROM hither.indexes WHERE index = 'seen_v'::regclass;
SELECT hither.recall('seen_v') > 0.9 AS good, hither.prewarm('seen_v') > 0 AS warm;
SELECT count(*), sum(hither.verify(index)) > 0 AS whole FROM hither.indexes;
SELECT hither.verify('items_pkey');
SELECT hither.merge('seen');
CREATE ROLE index_reader;
SET ROLE index_reader;
SELECT count(*) FROM hither.indexes;
SELECT hither.verify('seen_v');
SELECT hither.merge('seen_v');
SELECT hither.recall('seen_v');
RESET ROLE;
DROP ROLE index_reader;

-- From the version before.
SET client_min_messages = warning;
DROP EXTENSION hither CASCADE;
RESET client_min_messages;
\d items
CREATE EXTENSION hither VERSION '0.1.0';
CREATE INDEX ON items USING hither (v vector_l2_ops);
ALTER EXTENSION hither UPDATE;
SELECT extversion FROM pg_extension WHERE extname = 'hither';
CREATE INDEX items_l2 ON items USING hither (v vector_l2_ops);
SELECT * FROM compared('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
