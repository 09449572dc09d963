-- Conditions that Postgres decides, in strict order: as many of the nearest as pgvector's index
-- finds in its own strict order with the same ef_search, all that there are, in Postgres's order. Its
-- graph is random, and where ours misses one answer of 1,250 it may miss none.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE FOREIGN TABLE words (id bigint, embedding halfvec(384)) SERVER files OPTIONS (location 'words.hither');
CREATE TABLE plain AS SELECT * FROM words;
CREATE INDEX ON plain USING hnsw (embedding halfvec_cosine_ops);
ANALYZE plain; ANALYZE words;
-- Volatile, as functions are that say nothing, so that none is evaluated twice unseen.
CREATE FUNCTION passes(id bigint, share int) RETURNS boolean LANGUAGE plpgsql COST 1 AS $$ BEGIN RETURN (id * 7919 + 13) % 100 < share; END $$;
CREATE TABLE queries AS SELECT id AS query, embedding AS q FROM words WHERE id % 80 = 50;
CREATE TABLE truth AS SELECT share, query, last FROM unnest(ARRAY[50, 20, 5]) AS share, queries, LATERAL
    (SELECT max(d) AS last FROM (SELECT embedding <=> q AS d FROM words WHERE passes(id, share) AND id <> query ORDER BY (embedding <=> q) + 0 LIMIT 10) AS a) AS b;
CREATE FUNCTION recalls(name text) RETURNS TABLE (share int, recall numeric, fewest bigint, turns bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH found AS (SELECT truth.share, query, d, n, last FROM truth JOIN queries USING (query), LATERAL
            (SELECT d, row_number() OVER () AS n FROM (SELECT embedding <=> q AS d FROM %I
                WHERE passes(id, truth.share) AND id <> query ORDER BY embedding <=> q LIMIT 10) AS a) AS b),
        each AS (SELECT found.share, query, count(*) FILTER (WHERE d <= last) AS found, count(*) AS rows,
                (SELECT count(*) FROM found AS a JOIN found AS b USING (share, query) WHERE a.n + 1 = b.n AND b.d < a.d
                    AND query = found.query AND share = found.share) AS turns
            FROM found GROUP BY found.share, query)
        SELECT each.share, sum(found) / 10 / count(*), min(rows), sum(each.turns)::bigint FROM each GROUP BY each.share$q$, name);
END $$;
SET jit = off; SET hnsw.iterative_scan = strict_order; SET hither.iterative_scan = strict;
SET hnsw.ef_search = 40; SET hither.ef_search = 40;
SELECT share, ours.recall >= least(theirs.recall, 0.999) AS not_below, ours.fewest, ours.turns FROM recalls('words') AS ours JOIN recalls('plain') AS theirs USING (share) ORDER BY share;
SET hnsw.ef_search = 12; SET hither.ef_search = 12;
SELECT share, ours.recall >= least(theirs.recall, 0.999) AS not_below, ours.fewest, ours.turns FROM recalls('words') AS ours JOIN recalls('plain') AS theirs USING (share) ORDER BY share;
RESET hither.ef_search; SET hither.recall = 0.99;
SELECT share, recall >= 0.99 AS reached, fewest, turns FROM recalls('words') ORDER BY share;
RESET hither.recall;

-- Fewer rows pass than LIMIT asks for: all of them, whatever the effort. By a condition and by joins.
SET hither.ef_search = 1;
CREATE FUNCTION picked(id bigint) RETURNS boolean LANGUAGE plpgsql COST 1 AS $$ BEGIN RETURN id % 900 = 7; END $$;
CREATE TABLE few AS SELECT id, 'note ' || id AS note FROM words WHERE picked(id);
CREATE FUNCTION starve(condition text) RETURNS TABLE (queries bigint, complete bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$SELECT count(*), count(*) FILTER (WHERE (SELECT array_agg(id) FROM
            (SELECT id FROM words AS w WHERE %1$s ORDER BY embedding <=> q LIMIT 20) AS a)
        = (SELECT array_agg(id) FROM (SELECT id FROM plain AS w WHERE %1$s ORDER BY (embedding <=> q) + 0 LIMIT 20) AS b)) FROM queries$q$, condition);
END $$;
SELECT * FROM starve('picked(id)');
SELECT * FROM starve('id + 0 IN (SELECT id FROM few)');
SELECT * FROM starve('EXISTS (SELECT FROM few WHERE few.id = w.id + 0)');
-- Joins decide elsewhere: where many rows are expected, what is found too late for its place is left
-- out, and that is said.
ANALYZE few;
SET hither.ef_search = 40;
SET client_min_messages = error;
SELECT queries - complete < 4 AS most FROM starve('EXISTS (SELECT FROM few WHERE few.id = w.id + 0)');
RESET client_min_messages;
SET hither.ef_search = 1;
SELECT count(*) FROM queries, LATERAL (SELECT id FROM words AS w WHERE EXISTS (SELECT FROM few WHERE few.id = w.id + 0) ORDER BY embedding <=> q LIMIT 20) AS a HAVING count(*) < 0;
-- What Postgres would have counted is counted; a row that is locked elsewhere is checked again by Postgres.
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, TIMING OFF, BUFFERS OFF) ' || query LOOP
        IF line ~ 'Filter: p|Removed|Index Search|Late' THEN RETURN NEXT trim(line); END IF;
    END LOOP;
END $$;
SELECT explained('SELECT id FROM words WHERE picked(id) ORDER BY embedding <=> (SELECT q FROM queries LIMIT 1) LIMIT 20');
SELECT id, note FROM few JOIN words USING (id) WHERE passes(id, 50) ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 3 FOR UPDATE OF few;
-- No query vector, no order, but conditions all the same.
SELECT count(*), count(*) FILTER (WHERE passes(id, 20)) FROM (SELECT id FROM words WHERE passes(id, 20) ORDER BY embedding <=> NULL LIMIT 30) AS a;
