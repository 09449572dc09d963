-- Rows are put in order by the vectors of the table, of which the index has codes alone, or by its own.
SET client_min_messages = warning;
CREATE EXTENSION hither CASCADE;
RESET client_min_messages;

-- The same rows on every machine: rows of groups, as texts are.
CREATE FUNCTION point(i int, dimensions int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint4((i % 40) * 20000 + j) & 4095) / 512.0 - 4 + (hashint4(i * 20000 + j) & 4095) / 2048.0) FROM generate_series(1, dimensions) AS j';
-- How many of the k nearest an index gives, in the right order, of 20 queries; and whether it was asked.
CREATE FUNCTION hits(source regclass, operator text, k int) RETURNS TABLE (by_index boolean, near bigint, ordered boolean) LANGUAGE plpgsql AS $$
DECLARE query text; line text; ours record; theirs float8; BEGIN
    near := 0; ordered := true; by_index := true;
    FOR number IN 1..20 LOOP
        query := format('SELECT ctid, v %2$s %3$L AS d FROM %1$s ORDER BY v %2$s %3$L LIMIT %4$s', source, operator,
            (SELECT hither_query FROM queries WHERE id = number AND relation = source), k);
        PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true);
        FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
            IF line ~ 'Seq Scan' THEN by_index := false; END IF;
        END LOOP;
        EXECUTE format('SELECT array_agg(d ORDER BY place) AS ds, array_agg(ctid) AS places, bool_and(d >= coalesce(before, d)) AS ordered
            FROM (SELECT *, lag(d) OVER (ORDER BY place) AS before FROM (SELECT row_number() OVER () AS place, * FROM (%s) AS a) AS b) AS c', query) INTO ours;
        ordered := ordered AND ours.ordered AND cardinality(ours.places) = k;
        PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true);
        EXECUTE format('SELECT max(d) FROM (%s) AS a', query) INTO theirs;
        near := near + (SELECT count(*) FROM unnest(ours.ds) AS d WHERE d <= theirs);
    END LOOP;
    RESET enable_seqscan; RESET enable_indexscan;
    RETURN NEXT;
END $$;
CREATE TABLE queries (id int, relation regclass, hither_query text);

CREATE TABLE items (id serial PRIMARY KEY, note int, v vector(32));
INSERT INTO items (v) SELECT point(i, 32) FROM generate_series(1, 12000) AS i;
INSERT INTO queries SELECT id / 97, 'items'::regclass, v::text FROM items WHERE id % 97 = 0 AND id <= 1940;
SET hither.ef_search = 100;

-- Every distance: the index has codes, but under <+>, whose lengths codes do not bound.
CREATE FUNCTION bytes_a_row(name text, rows int) RETURNS int LANGUAGE sql AS 'SELECT (pg_relation_size(name::regclass) / rows)::int';
CREATE TABLE sizes (metric text, rerank text, bytes int, near bigint, by_index boolean, ordered boolean);
DO $$ DECLARE metric text; operator text; rerank text; BEGIN
    FOR metric, operator IN VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>'), ('l1', '<+>') LOOP
        FOREACH rerank IN ARRAY ARRAY['default', 'index'] LOOP
            EXECUTE format('CREATE INDEX items_v ON items USING hither (v vector_%s_ops) WITH (rerank = %s)', metric, rerank);
            INSERT INTO sizes SELECT metric, rerank, bytes_a_row('items_v', 12000), h.near, h.by_index, h.ordered FROM hits('items', operator, 10) AS h;
            DROP INDEX items_v;
        END LOOP;
    END LOOP;
END $$;
SELECT metric, rerank, by_index, ordered, near >= 190 AS near, bytes < 0.65 * max(bytes) OVER (PARTITION BY metric) AS smaller FROM sizes ORDER BY 1, 2;

-- A row has its place, and can be locked, and changed where a cursor stands.
CREATE INDEX items_v ON items USING hither (v vector_l2_ops) WITH (growing_rows = 256);
SET enable_seqscan = off;
SELECT count(*) FROM items WHERE ctid IN (SELECT ctid FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 5) LIMIT 3);
BEGIN;
SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 5) LIMIT 1 FOR UPDATE SKIP LOCKED;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 77);
FETCH c;
UPDATE items SET note = 1 WHERE CURRENT OF c;
SELECT id FROM items WHERE note = 1;
COMMIT;

-- Rows that come, change and go, before and after segments are merged.
INSERT INTO items (v) SELECT point(i, 32) FROM generate_series(12001, 13000) AS i;
DELETE FROM items WHERE id % 10 = 3;
UPDATE items SET note = 2 WHERE id % 10 = 4;
UPDATE items SET v = point(id + 50000, 32) WHERE id % 10 = 5;
SELECT by_index, near >= 190 AS near, ordered FROM hits('items', '<->', 10);
SELECT hither.merge('items_v');
SELECT by_index, near >= 190 AS near, ordered FROM hits('items', '<->', 10);
VACUUM items;
SELECT hither.merge('items_v');
SELECT by_index, near >= 190 AS near, ordered FROM hits('items', '<->', 10);
SELECT count(*) = (SELECT count(*) FROM items) AS all FROM (SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 6)) AS q;
SELECT hither.verify('items_v') = (SELECT count(*) FROM items) AS all;

-- From one to the other and back: merges take vectors from where they are.
ALTER INDEX items_v SET (rerank = 'index');
SELECT hither.merge('items_v');
SELECT by_index, near >= 190 AS near, ordered, bytes_a_row('items_v', 12000) > 128 AS large FROM hits('items', '<->', 10);
ALTER INDEX items_v SET (rerank = 'heap');
SELECT hither.merge('items_v');
SELECT by_index, near >= 190 AS near, ordered FROM hits('items', '<->', 10);

-- Vectors that the table keeps elsewhere, and halves of them.
CREATE TABLE wide (id serial PRIMARY KEY, v vector(700), h halfvec(1100));
ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
INSERT INTO wide (v, h) SELECT point(i, 700), point(i, 1100) FROM generate_series(1, 2500) AS i;
CREATE INDEX wide_v ON wide USING hither (v vector_cosine_ops);
CREATE INDEX wide_h ON wide USING hither (h halfvec_ip_ops);
INSERT INTO queries SELECT id / 97, 'wide'::regclass, v::text FROM wide WHERE id % 97 = 0 AND id <= 1940;
SELECT by_index, near >= 190 AS near, ordered FROM hits('wide', '<=>', 10);
DELETE FROM wide WHERE id % 3 = 0;
VACUUM wide;
-- A worker may be at it.
DO $$ BEGIN WHILE NOT hither.merge('wide_v') LOOP PERFORM pg_sleep(0.05); END LOOP; END $$;
SELECT by_index, near >= 190 AS near, ordered FROM hits('wide', '<=>', 10);
SELECT bool_and(h::text = (SELECT max(h::text) FROM wide AS w WHERE w.id = q.id)) FROM (SELECT id, h FROM wide ORDER BY h <#> (SELECT h FROM wide WHERE id = 1) LIMIT 5) AS q;

-- Some rows beyond all measure leave the others no codes that tell them apart: these keep their vectors.
CREATE TABLE outlier AS SELECT id, v FROM items;
INSERT INTO outlier SELECT -i, array_fill((i * 1e6)::real, ARRAY[32]) FROM generate_series(1, 200) AS i;
CREATE INDEX outlier_v ON outlier USING hither (v vector_l2_ops);
INSERT INTO queries SELECT id, 'outlier'::regclass, hither_query FROM queries WHERE relation = 'items'::regclass;
SELECT by_index, near >= 190 AS near, ordered, bytes_a_row('outlier_v', 12000) > 128 AS large FROM hits('outlier', '<->', 10);

-- All equal, and equal but for what codes do not tell.
CREATE TABLE equal_rows AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN '[1,2,3,4]' ELSE format('[1,2,3,%s]', 4 + i * 1e-7) END::vector(4) AS v FROM generate_series(1, 3000) AS i;
CREATE INDEX equal_v ON equal_rows USING hither (v vector_l2_ops);
SELECT count(*), count(DISTINCT id), bool_and(d >= coalesce(before, d)) AS ordered FROM
    (SELECT id, d, lag(d) OVER (ORDER BY place) AS before FROM
        (SELECT row_number() OVER () AS place, * FROM (SELECT id, v <-> '[1,2,3,4]' AS d FROM equal_rows ORDER BY v <-> '[1,2,3,4]' LIMIT 2000) AS a) AS b) AS c;

-- What is not in the table cannot be taken from there.
CREATE INDEX ON items USING hither ((v::halfvec(32)) halfvec_l2_ops) WITH (rerank = 'heap');
CREATE INDEX ON items USING hither (v vector_l1_ops) WITH (rerank = heap);
CREATE INDEX ON items USING hither (v vector_l2_ops) WITH (rerank = 'table');
CREATE INDEX items_half ON items USING hither ((v::halfvec(32)) halfvec_l2_ops);
SELECT count(*) FROM (SELECT id FROM items ORDER BY v::halfvec(32) <-> '[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2]' LIMIT 7) AS q;
