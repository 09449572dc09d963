-- The oracle: an ordinary table of the same rows, and pgvector's operators over it.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE FOREIGN TABLE words
    (id bigint, embedding vector(384), synset text, pos text, words text, definition text)
    SERVER files OPTIONS (location 'words.hither', ef_search '400');
CREATE TABLE plain AS SELECT * FROM words;
ALTER TABLE plain ADD PRIMARY KEY (id);
SELECT count(*), count(DISTINCT id), min(vector_dims(embedding)), max(vector_dims(embedding)) FROM words;

-- The index gives the order: no sort, for each operator that unit length allows, on either side.
EXPLAIN (COSTS OFF) SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM plain WHERE id = 8074) LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM words ORDER BY (SELECT embedding FROM plain WHERE id = 8074) <-> embedding LIMIT 5;
SELECT id, words, round((embedding <=> (SELECT embedding FROM plain WHERE id = 8074))::numeric, 4) AS distance
    FROM words ORDER BY embedding <=> (SELECT embedding FROM plain WHERE id = 8074) LIMIT 5;

-- Recall against the exact answer over 40 queries, in one LATERAL join: the scan is started anew for each.
CREATE FUNCTION shared(operator text, condition text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE result numeric;
BEGIN
    EXECUTE format($q$
        WITH queries AS (SELECT id AS query, embedding AS q FROM plain WHERE id %% 250 = 0),
        ours AS (SELECT query, found.id FROM queries, LATERAL
            (SELECT id FROM words WHERE %2$s ORDER BY embedding OPERATOR(public.%1$s) q LIMIT 10) AS found),
        theirs AS (SELECT query, found.id FROM queries, LATERAL
            (SELECT id FROM plain WHERE %2$s ORDER BY embedding OPERATOR(public.%1$s) q LIMIT 10) AS found)
        SELECT round((SELECT count(*) FROM ours JOIN theirs USING (query, id))::numeric
            / (SELECT count(*) FROM theirs), 2)$q$, operator, condition) INTO result;
    RETURN result;
END $$;
SELECT shared('<=>', 'true') >= 0.98, shared('<->', 'true') >= 0.98, shared('<#>', 'true') >= 0.98;
-- L1 is not the index's: an exact answer, by a scan.
SELECT shared('<+>', 'true');
-- Filters in the index, and filters that stay here: ten rows whenever ten match.
SELECT shared('<=>', $$pos = 'verb'$$) >= 0.98, shared('<=>', $$pos = 'adv' AND words LIKE 'a%'$$) >= 0.98;
SELECT shared('<=>', $$length(words) = 4$$) >= 0.95, shared('<=>', $$definition ~ 'animal'$$) >= 0.9;

-- Prepared statements: custom plans, then a generic one.
SELECT embedding AS q FROM plain WHERE id = 42 \gset
PREPARE nearest(vector, int) AS SELECT id FROM words ORDER BY embedding <=> $1 LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest(:'q', 3);
EXECUTE nearest(:'q', 3);
SET plan_cache_mode = force_custom_plan;
EXECUTE nearest(:'q', 3);
EXECUTE nearest(NULL, 3);
RESET plan_cache_mode;

-- All rows in order, without LIMIT: exact and complete.
EXPLAIN (COSTS OFF) SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM plain WHERE id = 42);
SELECT count(*), count(DISTINCT id), bool_and(d >= before) FROM
    (SELECT id, d, coalesce(lag(d) OVER (), -1) - 1e-6 AS before FROM
        (SELECT id, embedding <=> (SELECT embedding FROM plain WHERE id = 42) AS d FROM words
         ORDER BY embedding <=> (SELECT embedding FROM plain WHERE id = 42)) AS a) AS b;

-- The key is looked up; joins; a cursor; halfvec; a view.
EXPLAIN (COSTS OFF) SELECT words FROM words WHERE id = 42;
SELECT id, words FROM words WHERE id = ANY ('{8074, 0, 8074, 99999, -1}') AND pos = 'verb';
SELECT count(*) FROM words JOIN plain USING (id) WHERE words.embedding = plain.embedding;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM plain WHERE id = 42) LIMIT 50;
FETCH 2 FROM c;
MOVE 40 IN c;
FETCH 1 FROM c;
COMMIT;
CREATE FOREIGN TABLE halves (key bigint OPTIONS (column 'id'), v halfvec(384), kind text OPTIONS (column 'pos'))
    SERVER files OPTIONS (location 'words.hither');
CREATE VIEW verbs AS SELECT key, v FROM halves WHERE kind = 'verb';
EXPLAIN (COSTS OFF) SELECT key FROM verbs ORDER BY v <=> (SELECT v FROM halves WHERE key = 42) LIMIT 3;
SELECT key FROM verbs ORDER BY v <=> (SELECT v FROM halves WHERE key = 42) LIMIT 3;

-- A search that goes on past its first answer, for conditions that stay here: strict gives what it
-- finds by distance, relaxed as it is found; both give as many rows.
CREATE FUNCTION going_on() RETURNS TABLE (rows bigint, turns bigint, recall numeric) LANGUAGE sql AS $$
    WITH queries AS (SELECT id AS query, embedding AS q FROM plain WHERE id % 100 = 0),
    ours AS (SELECT query, found.id, d, n FROM queries, LATERAL
        (SELECT id, embedding <=> q AS d, row_number() OVER () AS n FROM
            (SELECT id, embedding FROM words WHERE length(words) = 4 ORDER BY embedding <=> q LIMIT 10) AS a) AS found),
    theirs AS (SELECT query, found.id FROM queries, LATERAL
        (SELECT id FROM plain WHERE length(words) = 4 ORDER BY embedding <=> q LIMIT 10) AS found)
    SELECT (SELECT count(*) FROM ours), (SELECT count(*) FROM ours AS a JOIN ours AS b ON a.query = b.query
        AND a.n + 1 = b.n AND b.d < a.d - 1e-6), round((SELECT count(*) FROM ours JOIN theirs USING (query, id))::numeric
        / (SELECT count(*) FROM theirs), 2)
$$;
ALTER FOREIGN TABLE words OPTIONS (SET ef_search '1');
SET hither.iterative_scan = strict;
SELECT rows, turns, recall >= 0.9 AS recall FROM going_on();
SET hither.iterative_scan = relaxed;
SELECT rows, turns > 0 AS turns, recall >= 0.9 AS recall FROM going_on();
-- The table's option says it where the session does not.
RESET hither.iterative_scan;
ALTER FOREIGN TABLE words OPTIONS (ADD iterative_scan 'relaxed');
SELECT rows, turns > 0 AS turns FROM going_on();
