-- Files of servers that are searched where they are: no more of them is read than a search needs.
\pset format unaligned
\setenv WEB :webfolder
\setenv PSQL :psql
\setenv HITHER :hither
\setenv URL :web
CREATE EXTENSION hither CASCADE;
\set cache :folder /ranges
SET hither.cache_directory = :'cache';
CREATE SERVER web FOREIGN DATA WRAPPER hither OPTIONS (location :'web', fetch 'range');
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files', fetch 'range');
CREATE FOREIGN TABLE r (id bigint, embedding vector(3), n int, price float8, ok boolean,
    title text COLLATE "C", at timestamptz, doc jsonb) SERVER web OPTIONS (location 'ranges/ranged/things.hither');
-- What is of this machine is mapped, whatever is said of servers.
CREATE FOREIGN TABLE near (id bigint, embedding vector(3), n int, price float8, ok boolean,
    title text COLLATE "C", at timestamptz, doc jsonb) SERVER files OPTIONS (location 'things.hither');
CREATE TABLE plain AS SELECT * FROM near;
\! rm -f $WEB/requests

-- The nearest rows, with the values of their columns, and more of them.
SELECT * FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 3;
SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 2 OFFSET 2;
SELECT count(*), bool_and(r = plain) FROM (SELECT * FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 300) r JOIN plain USING (id);
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM plain ORDER BY embedding <-> '[1,2,3]', id LIMIT 300) p)
    FROM (SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 300) r;
-- Each request was for a part of one version, but the first.
\! sed 's/=[0-9]*-[0-9]*/=…/' $WEB/requests | sort | uniq -c | sed 's/^ *[0-9]* //'
-- Nothing was brought.
SELECT location ~ 'things', rows, cached FROM hither.shards WHERE relation = 'r'::regclass;

-- Conditions that the index decides, that Postgres decides, and both; a radius; by key.
SELECT id, n FROM r WHERE n = 3 AND NOT ok ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
SELECT id, n FROM plain WHERE n = 3 AND NOT ok ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
SELECT id, title FROM r WHERE title LIKE 'Title 1%' AND id % 7 = 0 ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
SELECT id, title FROM plain WHERE title LIKE 'Title 1%' AND id % 7 = 0 ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
SELECT id FROM r WHERE embedding <-> '[1,2,3]' < 1.5 ORDER BY embedding <-> '[1,2,3]' LIMIT 20;
SELECT id FROM plain WHERE embedding <-> '[1,2,3]' < 1.5 ORDER BY embedding <-> '[1,2,3]' LIMIT 20;
SELECT id, embedding, title, doc FROM r WHERE id IN (1003, 1200, 5) ORDER BY id;
SELECT id FROM r WHERE id IN (1003, 1200) AND n > 5;
SELECT id FROM r ORDER BY embedding <-> (SELECT embedding FROM r WHERE id = 1042) LIMIT 3;
SELECT count(*) FROM r;
SELECT count(*) FROM r WHERE n < 7;
SELECT count(*) FROM plain WHERE n < 7;

-- Joins: for each row of another table, and with rows of another that take away most.
SELECT q.id, found.id FROM (SELECT * FROM plain WHERE id < 1003) q,
    LATERAL (SELECT r.id FROM r WHERE r.n > q.n ORDER BY r.embedding <-> q.embedding LIMIT 2) found ORDER BY 1, 2;
SELECT q.id, found.id FROM (SELECT * FROM plain WHERE id < 1003) q,
    LATERAL (SELECT r.id FROM plain r WHERE r.n > q.n ORDER BY r.embedding <-> q.embedding LIMIT 2) found ORDER BY 1, 2;
CREATE TABLE few AS SELECT id FROM plain WHERE id % 9 = 0;
ANALYZE few;
SELECT id FROM r JOIN few USING (id) ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
SELECT id FROM plain JOIN few USING (id) ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
SELECT few.id, r.n FROM few JOIN r ON r.id = few.id WHERE few.id < 1020 ORDER BY 1;

-- Prepared: the same plan with other values; cursors, of which one goes on past another query.
PREPARE nearest (vector, int, bigint) AS SELECT id FROM r WHERE n = $2 ORDER BY embedding <-> $1 LIMIT $3;
SET plan_cache_mode = force_generic_plan;
EXECUTE nearest ('[1,2,3]', 3, 2);
EXECUTE nearest ('[-1,2,8]', 4, 3);
RESET plan_cache_mode;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 6;
FETCH 2 FROM c;
SELECT id FROM r ORDER BY embedding <-> '[5,5,5]' LIMIT 2;
SET LOCAL hither.fetch_memory = 0;
FETCH 9 FROM c;
COMMIT;

-- What reads all rows is refused, and says what to do; so is a sample of them.
SELECT count(title) FROM r;
SELECT id FROM r ORDER BY embedding <-> '[1,2,3]';
SELECT id FROM r ORDER BY embedding <=> '[1,2,3]' LIMIT 2;
SELECT id FROM r WHERE embedding <-> '[1,2,3]' < 1;
SELECT id FROM r ORDER BY embedding <-> NULL LIMIT 1;
SELECT hither.recall('r', 10, 10);
ANALYZE r;
SET hither.fetch_mode = file;
SELECT count(title) FROM r;
RESET hither.fetch_mode;
-- A query that does not fit, and the table afterwards.
SELECT id FROM r ORDER BY embedding::vector <-> '[1,2]' LIMIT 1;
SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 1;

-- Rows that were removed; keys that are texts.
ALTER FOREIGN TABLE r OPTIONS (SET location 'ranges/ranged/fewer.hither');
SELECT count(*) FROM r;
SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
SELECT id FROM plain WHERE NOT ok ORDER BY embedding <-> '[1,2,3]' LIMIT 4;
CREATE FOREIGN TABLE texts (key text, embedding vector(3), "größe" text) SERVER web OPTIONS (location 'ranges/ranged/latin.hither');
SELECT key, "größe" FROM texts ORDER BY embedding <-> '[1,2,1]', key LIMIT 2;
SELECT key, "größe" FROM texts ORDER BY embedding <-> '[1,2,0]' LIMIT 3;
SELECT embedding FROM texts WHERE key = 'ñandú';

-- Several files: their requests overlap, and their rows are merged.
ALTER FOREIGN TABLE r OPTIONS (DROP location, ADD shards 'ranges/ranged/part0.hither, ranges/ranged/part1.hither, ranges/ranged/part2.hither');
SELECT count(*) FROM r;
SELECT id, n FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 5;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM plain WHERE n < 9 ORDER BY embedding <-> '[1,2,3]' LIMIT 100) p)
    FROM (SELECT id FROM r WHERE n < 9 ORDER BY embedding <-> '[1,2,3]' LIMIT 100) r;
SELECT id, title FROM r WHERE id = ANY ('{1000,1001,1002}') ORDER BY id;
CREATE SERVER s3 FOREIGN DATA WRAPPER hither OPTIONS (location 's3://bucket', endpoint :'s3', allow_http 'on', fetch 'range');
CREATE USER MAPPING FOR CURRENT_USER SERVER s3 OPTIONS (access_key_id 'A', secret_access_key 'hush');
IMPORT FOREIGN SCHEMA "ranged" FROM SERVER s3 INTO public OPTIONS (shards 'one');
SELECT id, n FROM ranged ORDER BY embedding <-> '[1,2,3]' LIMIT 5;
SELECT count(*), count(cached OR NULL) FROM hither.shards WHERE relation = 'ranged'::regclass;

-- Real rows: what `hither search --ranges` finds, for few bytes, which EXPLAIN (ANALYZE) tells.
CREATE FOREIGN TABLE words (id bigint, embedding vector(384), pos text, words text)
    SERVER web OPTIONS (location 'ranges/ranged/words.hither');
SELECT embedding::text AS q FROM words WHERE id = 42 \gset
CREATE FUNCTION explained(query text) RETURNS json LANGUAGE plpgsql AS $$ DECLARE plan json; BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan; RETURN (SELECT p FROM json_array_elements(plan->0->'Plan'->'Plans') p WHERE p->>'Index Search' <> ''); END $$;
SELECT string_agg(id::text, ' ' ORDER BY id) AS ours FROM (SELECT id FROM words ORDER BY embedding <=> :'q' LIMIT 10) f \gset
\setenv OURS :ours
\setenv Q :q
\! [ "$OURS" = "$($HITHER search $URL/ranges/ranged/words.hither --ranges --vector "$Q" -k 10 --columns '' --json | grep -o '"key":[0-9]*' | sed 's/.*://' | sort -n | tr '\n' ' ' | sed 's/ $//')" ] && echo the same rows
EXPLAIN (COSTS off) SELECT id FROM words ORDER BY embedding <=> :'q' LIMIT 10;
SELECT p->>'Index Search' AS search, p->>'Search Setting' AS setting, p->>'Fetch' AS fetch,
    (p->>'Range Requests')::int BETWEEN 1 AND 80 AS requests, (p->>'Range Bytes')::int BETWEEN 1000 AND 1000000 AS bytes,
    (p->>'Round Trips')::int BETWEEN 1 AND 5 AS round_trips
    FROM explained($$SELECT id, words FROM words WHERE pos = 'noun' ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 43) LIMIT 10$$) p;
-- Once more: all of it is here.
SELECT p->>'Range Requests' AS requests FROM explained($$SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 10$$) p;
SET hither.fetch_memory = 0;
SELECT (p->>'Range Requests')::int > 1 AS requests FROM explained($$SELECT id FROM words ORDER BY embedding <=> (SELECT embedding FROM words WHERE id = 42) LIMIT 10$$) p;
RESET hither.fetch_memory;

-- The file is replaced: the one that is open is not mixed with the new one.
\! cp $WEB/ranged/part0.hither $WEB/turning.hither
ALTER FOREIGN TABLE r OPTIONS (DROP shards, ADD location 'ranges/turning.hither', ADD max_age '1h');
SELECT count(*), (SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 1) FROM r;
\! cp $WEB/ranged/part1.hither $WEB/turning.hither
SET hither.fetch_memory = 0;
SELECT count(*) FROM r WHERE n > 4;
SELECT count(*), (SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 1) FROM r;
-- Within a cursor, too.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM r WHERE id % 2 = 0 ORDER BY embedding <-> '[1,2,3]' LIMIT 90;
FETCH 1 FROM c;
\! cp $WEB/ranged/part2.hither $WEB/turning.hither
FETCH 60 FROM c;
ROLLBACK;
SELECT count(*), (SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 1) FROM r;
-- When it is asked whether it changed, it is opened anew without an error.
\! cp $WEB/ranged/part0.hither $WEB/turning.hither
SET hither.max_age = 0;
SELECT count(*), (SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 1) FROM r;
RESET hither.max_age;
RESET hither.fetch_memory;
ALTER FOREIGN TABLE r OPTIONS (DROP max_age);

-- What cannot be read by ranges: no lists, a server that sends no parts, a file that is no index, none at all,
-- files of this machine beside.
ALTER FOREIGN TABLE r OPTIONS (SET location 'ranges/things.hither');
SELECT count(*) FROM r;
ALTER FOREIGN TABLE r OPTIONS (SET location 'plain/ranged/things.hither');
SELECT count(*) FROM r;
ALTER FOREIGN TABLE r OPTIONS (SET location 'ranges/text.hither');
SELECT count(*) FROM r;
ALTER FOREIGN TABLE r OPTIONS (SET location 'ranges/none.hither');
SELECT count(*) FROM r;
\set mixed :files /parts/part0.hither,ranges/ranged/part1.hither
ALTER FOREIGN TABLE r OPTIONS (DROP location, ADD shards :'mixed');
SELECT count(*) FROM r;
ALTER FOREIGN TABLE r OPTIONS (ADD fetch 'ranges');

-- auto: whole while the cache has room, else by ranges.
ALTER FOREIGN TABLE r OPTIONS (DROP shards, ADD location 'ranges/ranged/part0.hither', ADD fetch 'auto');
SELECT sum(n) FROM r;
EXPLAIN (COSTS off) SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 3;
SET hither.cache_size = '10kB';
ALTER FOREIGN TABLE r OPTIONS (SET location 'ranges/ranged/part1.hither');
EXPLAIN (COSTS off) SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 3;
SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 3;
SELECT sum(n) FROM r;
ALTER FOREIGN TABLE r OPTIONS (SET location 'ranges/things.hither');
SELECT id FROM r ORDER BY embedding <-> '[1,2,3]' LIMIT 3;
\! rm $WEB/requests
