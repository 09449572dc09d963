-- Names that the key and the vector have already get underscores, and nothing is lost.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
IMPORT FOREIGN SCHEMA "names" FROM SERVER files INTO public;
\d taken
SELECT * FROM taken ORDER BY 1 LIMIT 2;
SELECT key, key_ FROM taken WHERE key_ = 'x3' OR key = 4;
SELECT key FROM taken WHERE key = 2;
ALTER FOREIGN TABLE taken ALTER COLUMN id OPTIONS (ADD key 'perhaps');
ALTER FOREIGN TABLE taken ALTER COLUMN key_ OPTIONS (ADD key 'on');

-- A recall that is wanted and was not reached is said: by EXPLAIN, and once a session.
SET hither.recall = 0.99;
CREATE FUNCTION reached(format text, clause text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF, FORMAT %s) SELECT id FROM unreached ORDER BY embedding <-> %L %s', format, '[0,0]', clause) LOOP
        RETURN QUERY SELECT regexp_replace(part[1], '[0-9.]+', 'N', 'g') FROM regexp_matches(line, 'Recall Reached[^\n,]*', 'g') AS part;
    END LOOP;
END $$;
SELECT reached('text', 'LIMIT 3');
SELECT reached('json', 'LIMIT 3');
SELECT reached('text', '');
SELECT count(*) FROM (SELECT id FROM unreached ORDER BY embedding <-> '[0,0]' OFFSET 0) AS a;
\set VERBOSITY sqlstate
SELECT count(*) FROM (SELECT id FROM unreached ORDER BY embedding <-> '[0,0]' LIMIT 3) AS a;
SELECT count(*) FROM (SELECT id FROM unreached ORDER BY embedding <-> '[0,0]' LIMIT 3) AS a;
SET hither.recall = 0.1;
SELECT reached('text', 'LIMIT 3');
