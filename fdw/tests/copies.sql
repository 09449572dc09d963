-- Files that may be changed in place, mapped as copies in the cache: shared, and nobody else's.
\pset format unaligned
\set copies :folder /copies
\setenv COPIES :copies
\setenv FILES :files
\setenv PSQL :psql
CREATE EXTENSION hither CASCADE;
\! mkdir -p $COPIES; cp $FILES/parts/*.hither $COPIES; cp $FILES/things.hither "$COPIES/a #1% é.hither"
\set cache :folder /copied
\setenv CACHE :cache
SET hither.cache_directory = :'cache';
CREATE SERVER copies FOREIGN DATA WRAPPER hither OPTIONS (location :'copies');
CREATE FOREIGN TABLE t (id bigint, embedding vector(3)) SERVER copies OPTIONS (location 'part*.hither', map 'copi');
CREATE FOREIGN TABLE t (id bigint, embedding vector(3)) SERVER copies OPTIONS (location 'part*.hither', map 'copy');
SELECT location, cached FROM hither.shards;
SELECT count(*), min(id) FROM t;
SELECT location, rows, cached, last_error FROM hither.shards;
\! ls $CACHE/*.hither | wc -l
-- Another session finds them; the first one that asks copies.
\! $PSQL -d copies -Atc "SET hither.cache_directory = '$CACHE'" -c 'SELECT count(*) FROM t'; ls $CACHE/*.hither | wc -l
-- Cut in place while a cursor reads it: that one has its copy, and the next statement tells.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY embedding <-> '[1,2,3]';
FETCH 1 FROM c;
\! : >$COPIES/part0.hither; head -c 4096 $FILES/parts/part1.hither >$COPIES/part1.hither
MOVE 200 FROM c;
FETCH 1 FROM c;
SELECT count(*) FROM t;
COMMIT;
\! cp $FILES/parts/part2.hither $COPIES/part0.hither; cp $FILES/parts/part1.hither $COPIES
SELECT count(*), min(id) FROM t;
-- A name with all that URLs write otherwise; none; a folder; where it may not be read.
ALTER FOREIGN TABLE t OPTIONS (SET location 'a #1% é.hither');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'none.hither');
SELECT count(*) FROM t;
\! mkdir $COPIES/folder.hither
ALTER FOREIGN TABLE t OPTIONS (SET location 'folder*');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location '/dev/zero');
SELECT count(*) FROM t;
-- The cache's limits hold; the setting goes before the option.
\! cp $FILES/parts/part1.hither $COPIES/another.hither
ALTER FOREIGN TABLE t OPTIONS (SET location 'another.hither', ADD cache_size '1kB');
SELECT count(*) FROM t;
SET hither.map = 'off';
SELECT count(*) FROM t;
RESET hither.map;
ALTER FOREIGN TABLE t OPTIONS (DROP cache_size, SET map 'off');
SET hither.map = 'copy';
SELECT count(*) FROM t;
