-- Rows that a scan finds dead are passed over by later ones, before VACUUM comes.
SET client_min_messages = warning;
CREATE EXTENSION hither CASCADE;
RESET client_min_messages;
\setenv PSQL :psql
ALTER DATABASE index_dead SET enable_seqscan = off;
ALTER DATABASE index_dead SET hither.ef_search = 300;
\c

-- The same rows on every machine.
CREATE FUNCTION point(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
    'SELECT array_agg((hashint4(i * 20000 + j) & 4095) / 256.0 - 8)::vector FROM generate_series(1, 16) AS j';
CREATE TABLE items (id int, note int, v vector(16)) WITH (autovacuum_enabled = false, fillfactor = 50);
INSERT INTO items SELECT i, 0, point(i) FROM generate_series(1, 4000) AS i;
CREATE INDEX items_v ON items USING hither (v vector_l2_ops);
-- How many rows of the table were read for the five nearest of a row, which are the right ones.
CREATE FUNCTION asked(i int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ours int[]; theirs int[]; rechecks int; BEGIN
    SELECT array_agg(id) INTO ours FROM (SELECT id FROM items ORDER BY v <-> point(i) LIMIT 5) AS q;
    SELECT heap_rechecks INTO rechecks FROM hither.last_scan();
    SELECT array_agg(id) INTO theirs FROM (SELECT id FROM items ORDER BY (v <-> point(i)) + 0, id LIMIT 5) AS q;
    RETURN CASE WHEN rechecks < 60 THEN 'few' WHEN rechecks >= 200 THEN 'many' ELSE rechecks || ' rows' END
        || CASE WHEN ours IS DISTINCT FROM theirs THEN format(': %s, not %s', ours, theirs) ELSE '' END;
END $$;
CREATE FUNCTION remove(i int) RETURNS bigint LANGUAGE sql AS
    'WITH gone AS (DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY (v <-> point(i)) + 0, id LIMIT 200) RETURNING 1) SELECT count(*) FROM gone';

SELECT asked(1000);
SELECT remove(1000);
SELECT asked(1000);
SELECT asked(1000);
-- For others too, when the log is on disk.
SELECT pg_switch_wal() IS NOT NULL AS flushed;
SELECT asked(1000);
\! $PSQL -d index_dead -Atc 'SELECT asked(1000)'
-- Not what an older snapshot sees, before it ends.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT asked(2000);
\! $PSQL -d index_dead -Atc 'SELECT remove(2000)' -c 'SELECT asked(2000)' -c 'SELECT asked(2000)'
SELECT asked(2000);
COMMIT;
\c
SELECT asked(2000);
SELECT asked(2000);
-- Nor what a transaction removes that is not over, or is rolled back.
BEGIN;
SELECT remove(3000);
SELECT asked(3000);
\! $PSQL -d index_dead -Atc 'SELECT asked(3000)'
ROLLBACK;
SELECT asked(3000);

-- Growing rows; merges, which take dead rows along; VACUUM, which has all of them to remove; other rows at their places.
INSERT INTO items SELECT i, 0, point(4200) + point(i) * array_fill(0.1, ARRAY[16])::vector FROM generate_series(4001, 4400) AS i;
SELECT asked(4200);
SELECT remove(4200);
SELECT asked(4200);
SELECT asked(4200);
SELECT rows FROM hither.indexes;
SELECT hither.merge('items_v');
SELECT asked(4200), asked(1000);
SELECT asked(4200), asked(1000);
SELECT rows FROM hither.indexes;
VACUUM items;
SELECT rows, hither.verify('items_v') FROM hither.indexes;
INSERT INTO items SELECT i, 1, point(i) FROM generate_series(1, 3000) AS i WHERE i NOT IN (SELECT id FROM items);
SELECT asked(4200), asked(2000), asked(1000);
SELECT hither.merge('items_v');
SELECT asked(4200), asked(2000), asked(1000);

-- Vectors that the index has: Postgres says what it found dead.
CREATE INDEX items_half ON items USING hither ((v::halfvec(16)) halfvec_l2_ops);
CREATE FUNCTION fetched() RETURNS int LANGUAGE plpgsql AS $$
DECLARE line text; BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id FROM items ORDER BY v::halfvec(16) <-> point(3500)::halfvec(16) LIMIT 1' LOOP
        IF line ~ 'Buffers: ' THEN RETURN substring(line FROM 'hit=([0-9]+)'); END IF;
    END LOOP;
END $$;
SELECT remove(3500);
SELECT fetched() >= 150 AS many;
SELECT fetched() < 50 AS few;
-- A place whose row is changed is not dead.
UPDATE items SET note = 2 WHERE id % 3 = 0;
SELECT count(*), sum(note) FROM (SELECT note FROM items ORDER BY v::halfvec(16) <-> point(600)::halfvec(16)) AS q;
SELECT count(*), sum(note) FROM (SELECT note FROM items ORDER BY v::halfvec(16) <-> point(600)::halfvec(16)) AS q;
