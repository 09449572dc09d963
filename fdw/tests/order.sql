-- The order that a scan promises is Postgres's own, bit for bit: whatever relies on it gives what it
-- gives over a plain copy of the same rows.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE FUNCTION tables(rows text, form text, vector_type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE name text := replace(concat_ws('_', rows, form, vector_type), '-', '_');
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE %1$s (id bigint, embedding %2$s(48), n int) SERVER files
        OPTIONS (location ''order/%3$s-%4$s.hither'')', name, vector_type, rows, form);
    EXECUTE format('CREATE TABLE plain_%1$s AS SELECT * FROM %1$s', name);
    EXECUTE format('ANALYZE plain_%1$s', name);
    RETURN name;
END $$;
CREATE TABLE names AS SELECT rows, tables(rows, form, vector_type) AS name FROM unnest(ARRAY['alike', 'ordinary']) AS rows,
        unnest(ARRAY['l2-f32', 'ip-f16', 'cosine-f32', 'cosine-f16', 'l1-f16']) AS form, unnest(ARRAY['vector', 'halfvec']) AS vector_type
    UNION ALL SELECT 'vast', tables('vast', 'l2-f32', 'vector');

-- @ is the table, ! the distance from a query of equal values, or from a row.
CREATE TABLE asked (number int, asks text, query text);
INSERT INTO asked VALUES
    (1, 'all in order', 'SELECT ! AS d FROM @ ORDER BY d'),
    (2, 'groups', 'SELECT ! AS d, count(*) FROM @ GROUP BY ! ORDER BY d'),
    (3, 'distinct', 'SELECT DISTINCT ! AS d FROM @ ORDER BY d'),
    (4, 'distinct on', 'SELECT DISTINCT ON (!) id FROM @ ORDER BY !, id'),
    (5, 'ranks', 'SELECT id, rank() OVER w, dense_rank() OVER w, count(*) OVER w FROM @ WINDOW w AS (ORDER BY !) ORDER BY id'),
    (6, 'a second key', 'SELECT id FROM @ ORDER BY !, id LIMIT 40 OFFSET 3'),
    (7, 'ties', 'SELECT * FROM (SELECT id FROM @ ORDER BY ! FETCH FIRST 7 ROWS WITH TIES) AS a ORDER BY id'),
    (8, 'ties and a filter', 'SELECT * FROM (SELECT id FROM @ WHERE n < 3 ORDER BY ! FETCH FIRST 7 ROWS WITH TIES) AS a ORDER BY id'),
    (9, 'a share of all', 'SELECT cume_dist() OVER (ORDER BY !) FROM @ ORDER BY ! LIMIT 1'),
    (10, 'merged', 'SELECT count(*), sum(a.id * b.id) FROM @ AS a JOIN @0 AS b ON !a = !b AND a.n = 1'),
    (11, 'merged in order', 'SELECT a.id, b.id FROM @ AS a JOIN @0 AS b ON !a = !b WHERE a.id % 7 = 1 ORDER BY !a, a.id, b.id LIMIT 20'),
    (12, 'merged, all of the other', 'SELECT a.id, count(b.id) FROM @0 AS a LEFT JOIN @ AS b ON !a = !b WHERE a.id < 200 GROUP BY a.id ORDER BY a.id'),
    (13, 'merged, nearest of the other', 'SELECT a.id, b.id FROM @0 AS a LEFT JOIN @ AS b ON !a = !b AND a.id = b.id ORDER BY !a, a.id LIMIT 9'),
    (14, 'a part of the rows', 'SELECT ! AS d FROM @ ORDER BY ! LIMIT 300'),
    (15, 'within', 'SELECT id FROM @ WHERE ! < (SELECT percentile_disc(0.1) WITHIN GROUP (ORDER BY !) FROM @0) ORDER BY id'),
    (16, 'no farther than', 'SELECT id FROM @ WHERE ! <= (SELECT percentile_disc(0.1) WITHIN GROUP (ORDER BY !) FROM @0) ORDER BY !, id');
CREATE FUNCTION filled(query text, name text, operator text, value text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(replace(replace(replace(query, '@0', 'plain_' || replace(name, 'plain_', '')), '@', name),
        '!a', format('(a.embedding OPERATOR(public.%s) %s)', operator, value)),
        '!b', format('(b.embedding OPERATOR(public.%s) %s)', operator, value)),
        '!', format('(embedding OPERATOR(public.%s) %s)', operator, value))
$$;
CREATE FUNCTION same(query text, name text, operator text, value text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE result boolean;
BEGIN
    EXECUTE format('SELECT (SELECT array_agg(a)::text FROM (%s) AS a) IS NOT DISTINCT FROM (SELECT array_agg(b)::text FROM (%s) AS b)',
        filled(query, name, operator, value), filled(query, 'plain_' || name, operator, value)) INTO result;
    RETURN result;
EXCEPTION WHEN internal_error THEN
    RAISE NOTICE '% % %: %', name, operator, query, SQLERRM;
    RETURN false;
END $$;
CREATE FUNCTION fails(which text, value text, numbers int4range DEFAULT '[1,99]') RETURNS TABLE (asks text, asked bigint, failed bigint, where_ text) LANGUAGE sql AS $$
    SELECT asks, count(*), count(*) FILTER (WHERE NOT same), string_agg(name || ' ' || operator, ', ') FILTER (WHERE NOT same)
    FROM (SELECT asked.number, asked.asks, name, operator, same(query, name, operator, value)
        FROM asked, names, unnest(ARRAY['<->', '<#>', '<=>', '<+>']) AS operator WHERE rows = which AND numbers @> number) AS a
    GROUP BY a.number, a.asks ORDER BY a.number
$$;
SET plan_cache_mode = force_custom_plan;
SELECT '[' || repeat('0.5,', 47) || '0.5]' AS equal \gset
SELECT embedding::text AS row FROM plain_ordinary_l1_f16_halfvec WHERE id = 7 \gset
-- More groups than the five, fewer than by other sums: only so the tests can fail.
SELECT count(DISTINCT embedding <-> :'equal') BETWEEN 6 AND 800 AS groups FROM plain_alike_l2_f32_vector;
SELECT * FROM fails('alike', quote_literal(:'equal'));
SELECT * FROM fails('ordinary', quote_literal(:'row'));
SELECT * FROM fails('vast', quote_literal(:'row'));
SELECT * FROM fails('vast', quote_literal('[' || repeat('1e-25,', 47) || '1e-25]'));
-- The other joins and ways to group.
SET enable_hashjoin = off; SET enable_nestloop = off; SET enable_hashagg = off;
SELECT * FROM fails('alike', quote_literal(:'equal'), '[10,13]');
RESET enable_hashjoin; RESET enable_nestloop; RESET enable_hashagg;

-- The nearest by the structure are in Postgres's order too, whatever their number.
CREATE FUNCTION turns(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before FROM
        (SELECT d, row_number() OVER () AS n FROM (%s) AS a) AS b) AS c WHERE d < before', query) INTO result;
    RETURN result;
END $$;
SELECT "limit", count(*) AS asked, sum(turns(filled('SELECT ! AS d FROM @ WHERE ' || condition || ' ORDER BY ! LIMIT ' || "limit", name, operator, quote_literal(value)))) AS turns
    FROM names, unnest(ARRAY['<->', '<#>', '<=>', '<+>']) AS operator, unnest(ARRAY[1, 10, 100]) AS "limit",
        unnest(ARRAY['true', 'n = 1', 'length(n::text || id) = 4']) AS condition, unnest(ARRAY[:'equal', :'row']) AS value
    WHERE rows <> 'vast' GROUP BY "limit" ORDER BY "limit";

-- By the structure where a LIMIT counts the nearest, exactly where more depends on the order.
CREATE FUNCTION how(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Index Search:' THEN RETURN NEXT trim(line); END IF;
    END LOOP;
END $$;
SELECT query, how(filled(query, 'ordinary_l2_f32_vector', '<->', quote_literal(:'row'))) FROM unnest(ARRAY[
    'SELECT id FROM @ ORDER BY ! LIMIT 5', 'SELECT id FROM @ ORDER BY !, id LIMIT 5',
    'SELECT id FROM @ ORDER BY ! FETCH FIRST 5 ROWS WITH TIES', 'SELECT id, rank() OVER (ORDER BY !) FROM @ ORDER BY ! LIMIT 5',
    'SELECT id, rank() OVER (ORDER BY !, id) FROM @ ORDER BY ! LIMIT 5', 'SELECT id, ntile(4) OVER (ORDER BY !) FROM @ ORDER BY ! LIMIT 5',
    'SELECT a.id FROM @ AS a JOIN @0 AS b USING (id) ORDER BY !a LIMIT 5',
    'SELECT a.id FROM @ AS a LEFT JOIN @0 AS b ON !a = !b ORDER BY !a LIMIT 5',
    'SELECT id FROM @ WHERE ! < 9 ORDER BY ! LIMIT 5', 'SELECT count(*) FROM (SELECT id FROM @ ORDER BY ! LIMIT 5) AS a']) AS query;
