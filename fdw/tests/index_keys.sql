-- Conditions on columns beside the vector are decided within the search: the same rows as without the index,
-- the nearest first, and all of them if they are wanted.
CREATE EXTENSION hither CASCADE;
SELECT setseed(0.3);
CREATE TABLE items (id int, v vector(16), tenant int, big int8, price float8, ratio real, flag bool, lang text,
    name varchar(20), code uuid, day date, at timestamptz);
CREATE FUNCTION random_vector(i int) RETURNS vector LANGUAGE sql VOLATILE AS
    'SELECT array_agg(random())::vector FROM generate_series(1, 16) WHERE i = i';
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO items SELECT i, random_vector(i), i % 100, i % 7,
        CASE WHEN i % 50 = 0 THEN 'NaN' ELSE i - 1000.5 END, -i, i % 3 = 0, 'l' || i % 5,
        CASE WHEN i % 4 > 0 THEN 'n' || i % 11 END, md5((i % 13)::text)::uuid, date '2024-01-01' + i % 365,
        timestamptz '2024-01-01Z' + i * interval '1 hour'
    FROM generate_series(first, last) i $$;
SELECT fill(1, 6000);
CREATE INDEX items_v ON items USING hither (v vector_l2_ops, tenant, big, price, ratio, flag, lang, name, code, day, at)
    WITH (growing_rows = 4096);
-- Growing rows, deleted ones, one without values.
SELECT fill(6001, 7000);
DELETE FROM items WHERE id % 10 = 3;
VACUUM items;
INSERT INTO items VALUES (99999, array_fill(0.5, ARRAY[16])::vector);
ANALYZE items;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant = 5 AND lang = 'l1' ORDER BY v <-> '[1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8]' LIMIT 10;

CREATE FUNCTION compare(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    query vector := (SELECT v FROM items WHERE id = 5);
    nearest text := format('SELECT array_agg(id) FROM (SELECT id FROM items WHERE %s ORDER BY v <-> %L LIMIT 10) n', condition, query);
    every text := format('SELECT count(*) FROM (SELECT id FROM items WHERE %s ORDER BY v <-> %L) n', condition, query);
    plan text;
    found int[]; exact int[]; all_found int; all_rows int;
BEGIN
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_sort = off;
    FOR plan IN EXECUTE 'EXPLAIN ' || nearest LOOP
        EXIT WHEN plan LIKE '%items_v%';
    END LOOP;
    IF plan NOT LIKE '%items_v%' THEN RETURN 'not by the index'; END IF;
    EXECUTE nearest INTO found;
    EXECUTE every INTO all_found;
    SET LOCAL enable_indexscan = off;
    EXECUTE nearest INTO exact;
    EXECUTE format('SELECT count(*) FROM items WHERE %s', condition) INTO all_rows;
    RETURN format('%s: %s of %s', condition, all_found, all_rows)
        || CASE WHEN found IS DISTINCT FROM exact THEN format(', %s and not %s', found, exact) ELSE '' END;
END $$;
SET TimeZone = 'UTC';
SELECT compare(c) FROM unnest(ARRAY['tenant = 5', 'tenant = 5::int8', 'tenant IN (3, 4, 5)', 'tenant < 2', 'tenant >= 98::int2',
    'big = 3::int2 AND tenant < 50', 'price > 5000', 'price >= ''NaN''', 'price = ''NaN''', 'price < -500', 'price < 0::float4',
    'ratio <= -6000', 'ratio = -77::float8', 'flag', 'NOT flag', 'flag IS NULL', 'lang = ''l3''', 'lang IN (''l1'', ''l2'')',
    'lang = ANY (ARRAY[''l1'', NULL])', 'name = ''n3''', 'name IS NULL', 'name IS NOT NULL', 'tenant IS NULL',
    'code = md5(''4'')::uuid', 'code IN (md5(''4'')::uuid, md5(''5'')::uuid)', 'day = ''2024-03-05''', 'day > ''2024-12-20''',
    'at > ''2024-10-10''', 'at BETWEEN ''2024-05-01'' AND ''2024-05-03''', 'tenant = 1 AND flag AND lang = ''l1''',
    'tenant = NULL::int', 'tenant = ANY (''{}''::int[])', 'tenant > ANY (''{98,50}''::int[])', 'tenant = 7 AND id < 3000',
    'tenant = 7 AND tenant = 8']) c;
-- After a merge, too.
SELECT hither.merge('items_v'), hither.verify('items_v');
SELECT compare(c) FROM unnest(ARRAY['tenant = 5', 'name IS NULL', 'price >= ''NaN''', 'code = md5(''4'')::uuid', 'flag IS NULL']) c;
-- Values that come with each row of a join.
SET enable_seqscan = off;
SELECT count(*), bool_and(n.tenant = t) FROM generate_series(0, 20) t,
    LATERAL (SELECT tenant FROM items WHERE tenant = t ORDER BY v <-> '[1,2,3,4,5,6,7,8,1,2,3,4,5,6,7,8]' LIMIT 5) n;

-- What cannot stand beside a vector, or before it.
CREATE INDEX ON items USING hither (tenant, v vector_l2_ops);
CREATE TABLE others (v vector(3), j jsonb, n text, w vector(3));
CREATE INDEX ON others USING hither (v vector_l2_ops, j);
CREATE INDEX ON others USING hither (v vector_l2_ops, w vector_l2_ops);
CREATE INDEX ON others USING hither (v vector_l2_ops) INCLUDE (n);
