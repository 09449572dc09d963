-- Every kind of condition: the same rows as an ordinary table gives.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE FOREIGN TABLE things (id bigint, embedding vector(3), n int, price float8, ok boolean,
    title text COLLATE "C", at timestamptz, doc jsonb) SERVER files OPTIONS (location 'things.hither');
CREATE TABLE plain AS SELECT * FROM things;
SET timezone = 'UTC';
SELECT * FROM things WHERE id IN (1000, 1001, 1013) ORDER BY id;

CREATE FUNCTION agree(wanted text) RETURNS TABLE (condition text, rows bigint, same boolean, pushed boolean)
LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    agree.condition := $1;
    pushed := true;
    EXECUTE format('SELECT count(*) FROM plain WHERE %s', $1) INTO rows;
    EXECUTE format('SELECT NOT EXISTS (SELECT id FROM things WHERE %1$s EXCEPT SELECT id FROM plain WHERE %1$s)
        AND (SELECT count(*) FROM things WHERE %1$s) = %2$s', $1, rows) INTO same;
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM things WHERE %s', $1) LOOP
        pushed := pushed AND line NOT LIKE '%Filter: (%';
    END LOOP;
    RETURN NEXT;
END $$;
SELECT agree.* FROM unnest(ARRAY[
    'n = 5', 'n <> 5', '5 < n', 'n <= 5::bigint', 'n BETWEEN 3 AND 7', 'n IN (1, 2, NULL)', 'n NOT IN (1, 2)',
    'n NOT IN (1, NULL)', 'n = ANY (NULL::int[])', 'n IS NULL', 'n IS NOT NULL', 'NOT n = 5',
    'n = 5 OR title IS NULL', 'NOT (n > 5 AND price < 100)', 'price > 100.5', 'price = 12.5', 'price = ''NaN''',
    'ok', 'NOT ok', 'ok IS TRUE', 'ok IS NOT TRUE', '(n > 5) IS FALSE', '(n > 5) IS NOT TRUE', '(n > 5) IS UNKNOWN',
    'title = ''Title 07''', 'title < ''Title 10''', 'title LIKE ''Title 1%''', 'title ^@ ''Title 2''',
    'title LIKE ''%7''', 'title < ''Title 10'' COLLATE "POSIX"', 'at >= ''2024-06-01''', 'at < ''infinity''',
    'doc->>''k'' = ''2''', 'length(title) = 8', 'n = id - 1000', 'id = 1005', 'id IN (1005, 1007) AND n IS NULL',
    'n = 5 AND length(title) = 8', 'false', 'n = (SELECT 5)', 'n > (SELECT min(n) FROM plain)'
]) AS c, agree(c);

-- The same with an order: the ten nearest that match, at pgvector's distances.
CREATE FUNCTION nearest(wanted text) RETURNS TABLE (condition text, rows bigint, same boolean)
LANGUAGE plpgsql AS $$
BEGIN
    nearest.condition := $1;
    EXECUTE format('WITH ours AS (SELECT id, embedding <-> ''[1,2,3]'' AS d FROM things WHERE %1$s ORDER BY embedding <-> ''[1,2,3]'' LIMIT 10),
        theirs AS (SELECT id, embedding <-> ''[1,2,3]'' AS d FROM plain WHERE %1$s ORDER BY embedding <-> ''[1,2,3]'' LIMIT 10)
        SELECT (SELECT count(*) FROM ours), NOT EXISTS (SELECT * FROM ours EXCEPT SELECT * FROM theirs)
            AND (SELECT count(*) FROM ours) = (SELECT count(*) FROM theirs)', $1) INTO rows, same;
    RETURN NEXT;
END $$;
SELECT nearest.* FROM unnest(ARRAY['true', 'n = 5', 'ok', 'title LIKE ''Title 1%''', 'doc->>''k'' = ''2''',
    'n = 5 AND length(title) = 8', 'length(title) = 0', 'embedding <-> ''[1,2,3]'' < 1.5', 'id % 50 = 0']) AS c, nearest(c);

-- Shards: a folder is one table; partitions of a partitioned table; UNION ALL.
CREATE FOREIGN TABLE folder (id bigint, embedding vector(3), n int) SERVER files OPTIONS (location 'parts');
CREATE FOREIGN TABLE listed (id bigint, embedding vector(3), n int) SERVER files
    OPTIONS (shards 'parts/part2.hither, parts/part[01].hither');
SELECT (SELECT count(*) FROM folder), (SELECT count(*) FROM listed);
EXPLAIN (COSTS OFF) SELECT id FROM folder ORDER BY embedding <-> '[1,2,3]' LIMIT 10;
SELECT (SELECT array_agg(id) FROM (SELECT id FROM folder ORDER BY embedding <-> '[1,2,3]' LIMIT 20) AS a)
     = (SELECT array_agg(id) FROM (SELECT id FROM plain ORDER BY embedding <-> '[1,2,3]' LIMIT 20) AS a);
CREATE TABLE parent (id bigint, embedding vector(3), n int);
CREATE FOREIGN TABLE child0 () INHERITS (parent) SERVER files OPTIONS (location 'parts/part0.hither');
CREATE FOREIGN TABLE child1 () INHERITS (parent) SERVER files OPTIONS (location 'parts/part1.hither');
CREATE FOREIGN TABLE child2 () INHERITS (parent) SERVER files OPTIONS (location 'parts/part2.hither');
EXPLAIN (COSTS OFF) SELECT id FROM
    (SELECT * FROM child0 UNION ALL SELECT * FROM child1 UNION ALL SELECT * FROM child2) AS u
    ORDER BY embedding <-> '[1,2,3]' LIMIT 10;
SELECT (SELECT array_agg(id) FROM (SELECT id FROM (SELECT * FROM child0 UNION ALL SELECT * FROM child1 UNION ALL SELECT * FROM child2) AS u
        ORDER BY embedding <-> '[1,2,3]' LIMIT 20) AS a)
     = (SELECT array_agg(id) FROM (SELECT id FROM plain ORDER BY embedding <-> '[1,2,3]' LIMIT 20) AS a);
SELECT tableoid::regclass, count(*) FROM parent GROUP BY 1 ORDER BY min(id);
