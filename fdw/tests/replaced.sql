-- Files that are replaced, cursors, locks, subtransactions.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
\setenv FILES :files
\! mkdir -p $FILES/new && cp $FILES/parts/part0.hither $FILES/new/now.hither && chmod 644 $FILES/new/now.hither
CREATE FOREIGN TABLE now (id bigint, embedding vector(3)) SERVER files OPTIONS (location 'new/now.hither');
CREATE FOREIGN TABLE things (id bigint, embedding vector(3), n int) SERVER files OPTIONS (location 'things.hither');

-- A prepared plan reads the file that is there when it is executed; a running query keeps its own.
SET plan_cache_mode = force_generic_plan;
PREPARE nearest AS SELECT id FROM now ORDER BY embedding <-> '[1,2,3]' LIMIT 2;
PREPARE counted AS SELECT count(*) FROM now;
EXECUTE nearest;
BEGIN;
DECLARE before CURSOR FOR SELECT id FROM now ORDER BY embedding <-> '[1,2,3]';
FETCH 1 FROM before;
\! cp $FILES/parts/part1.hither $FILES/new/next && chmod 644 $FILES/new/next && mv $FILES/new/next $FILES/new/now.hither
EXECUTE nearest;
FETCH 2 FROM before;
MOVE ALL IN before;
CLOSE before;
COMMIT;
EXECUTE counted;
-- By another metric: the plan is made anew.
\! cp $FILES/small/cosine-hnsw.hither $FILES/new/next && chmod 644 $FILES/new/next && mv $FILES/new/next $FILES/new/now.hither
EXECUTE nearest;
EXECUTE nearest;
EXECUTE counted;
-- With other columns, and gone.
ALTER FOREIGN TABLE now ADD COLUMN n int;
\! cp $FILES/things.hither $FILES/new/next && chmod 644 $FILES/new/next && mv $FILES/new/next $FILES/new/now.hither
PREPARE filtered AS SELECT count(*) FROM now WHERE n = 3;
EXECUTE filtered;
\! cp $FILES/small/l2-hnsw.hither $FILES/new/next && chmod 644 $FILES/new/next && mv $FILES/new/next $FILES/new/now.hither
EXECUTE filtered;
\! rm $FILES/new/now.hither
EXECUTE filtered;
EXECUTE counted;
-- What rounding allows is found out from the file that is there, not from the one that was planned for.
\! cp $FILES/order/ordinary-cosine-f16.hither $FILES/new/next && chmod 644 $FILES/new/next && mv $FILES/new/next $FILES/new/edge.hither
CREATE FOREIGN TABLE edge (id bigint, embedding halfvec(48)) SERVER files OPTIONS (location 'new/edge.hither');
CREATE TABLE plain (id bigint, embedding halfvec(48));
CREATE FUNCTION lost() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE q halfvec := (SELECT embedding FROM plain WHERE id = 7); radius float8; found bigint; lost bigint := 0;
BEGIN
    FOR radius IN SELECT embedding <=> q FROM plain WHERE id % 10 = 0 LOOP
        SELECT count(*) INTO found FROM edge WHERE embedding <=> q <= radius;
        lost := lost - found + (SELECT count(*) FROM plain WHERE embedding <=> q <= radius);
    END LOOP;
    RETURN lost;
END $$;
INSERT INTO plain SELECT * FROM edge;
SELECT lost();
\! cp $FILES/order/ordinary-cosine-f32.hither $FILES/new/next && chmod 644 $FILES/new/next && mv $FILES/new/next $FILES/new/edge.hither
TRUNCATE plain;
INSERT INTO plain SELECT * FROM edge;
SELECT lost();
-- Rows of unit length are in one order by three operators, and an inner product of them is hardly rounded: what
-- was planned for such a file is not taken for granted of others, and the other way round.
\set build :hither ' build --metric cosine --element f32 --kind hnsw --postgres postgres://postgres@127.0.0.1:' :port '/' :DBNAME
\setenv BUILD :build
CREATE TABLE same (form text, id bigint, embedding vector(48)) WITH (autovacuum_enabled = off);
INSERT INTO same SELECT 'unit', id, l2_normalize(embedding::vector) FROM plain;
INSERT INTO same SELECT 'long', id, embedding::vector * array_fill((1 + id % 900)::real, ARRAY[48])::vector FROM plain;
\! for form in unit long; do $BUILD --query "SELECT id, embedding FROM same WHERE form = '$form' ORDER BY id" -o $FILES/new/$form.hither 2>&1 | grep error; chmod 644 $FILES/new/$form.hither; done
\! cp $FILES/new/unit.hither $FILES/new/next && mv $FILES/new/next $FILES/new/rows.hither
CREATE FOREIGN TABLE rows (id bigint, embedding vector(48)) SERVER files OPTIONS (location 'new/rows.hither');
CREATE FUNCTION lost(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE q vector := (SELECT embedding FROM same WHERE form = wanted AND id = 7); radius float8; found bigint; lost bigint := 0;
BEGIN
    FOR radius IN SELECT embedding <#> q FROM same WHERE form = wanted AND id % 10 = 0 LOOP
        SELECT count(*) INTO found FROM rows WHERE embedding <#> q <= radius;
        lost := lost - found + (SELECT count(*) FROM same WHERE form = wanted AND embedding <#> q <= radius);
    END LOOP;
    RETURN lost;
END $$;
SET hither.ef_search = 2000;
\set q '(SELECT embedding FROM same WHERE form = $1 AND id = 7)'
\set theirs 'ARRAY(SELECT id FROM same WHERE form = $1 ORDER BY embedding'
PREPARE ordered AS SELECT ARRAY(SELECT id FROM rows ORDER BY embedding <#> :q LIMIT 50) = :theirs <#> :q LIMIT 50) AS inner_product,
    ARRAY(SELECT id FROM rows ORDER BY embedding <-> :q LIMIT 50) = :theirs <-> :q LIMIT 50) AS l2,
    ARRAY(SELECT id FROM rows ORDER BY embedding <=> :q LIMIT 50) = :theirs <=> :q LIMIT 50) AS cosine;
SELECT lost('unit');
EXECUTE ordered('unit');
\! cp $FILES/new/long.hither $FILES/new/next && mv $FILES/new/next $FILES/new/rows.hither
SELECT lost('long');
EXECUTE ordered('long');
EXECUTE ordered('long');
SELECT lost('long');
\! cp $FILES/new/unit.hither $FILES/new/next && mv $FILES/new/next $FILES/new/rows.hither
SELECT lost('unit');
EXECUTE ordered('unit');
RESET hither.ef_search;
RESET plan_cache_mode;

-- map 'off' reads: a file that is overwritten in place does no harm.
\! cp $FILES/things.hither $FILES/new/read.hither && chmod 644 $FILES/new/read.hither
CREATE FOREIGN TABLE read (id bigint, embedding vector(3)) SERVER files OPTIONS (location 'new/read.hither', map 'off');
BEGIN;
DECLARE reading CURSOR FOR SELECT id FROM read;
FETCH 1 FROM reading;
\! : >$FILES/new/read.hither
FETCH 2 FROM reading;
COMMIT;
SELECT count(*) FROM read;

-- Cursors: held ones outlive the transaction, scrolling ones go back, others say that they do not.
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM things ORDER BY embedding <-> '[1,2,3]' LIMIT 20;
FETCH 2 FROM held;
COMMIT;
FETCH 2 FROM held;
CLOSE held;
BEGIN;
DECLARE back SCROLL CURSOR FOR SELECT id FROM things ORDER BY embedding <-> '[1,2,3]' LIMIT 20;
MOVE 5 IN back;
FETCH BACKWARD 2 FROM back;
FETCH ABSOLUTE 20 FROM back;
FETCH FIRST FROM back;
COMMIT;
BEGIN;
DECLARE forth NO SCROLL CURSOR FOR SELECT id FROM things LIMIT 5;
FETCH 2 FROM forth;
FETCH BACKWARD 1 FROM forth;
ROLLBACK;

-- Rows of other tables are locked beside ours; ours are only read.
CREATE TABLE notes AS SELECT id, 'note ' || id AS note FROM things WHERE id < 1004;
SELECT note, n FROM notes JOIN things USING (id) ORDER BY embedding <-> '[1,2,3]' LIMIT 2 FOR UPDATE OF notes;
SELECT count(*) FROM (SELECT id FROM things WHERE n = 3 FOR UPDATE) AS a;
UPDATE notes SET note = note || '!' FROM things WHERE things.id = notes.id AND n = 2 RETURNING note, n;

-- Errors in blocks leave the rest as it was, however many there are.
CREATE FUNCTION tries(times int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE failed int := 0; one bigint;
BEGIN
    FOR i IN 1..times LOOP
        BEGIN
            FOR one IN SELECT id FROM things ORDER BY embedding <-> '[1,2,3]' LOOP
                IF one % 7 = 0 THEN
                    PERFORM id FROM things ORDER BY embedding <-> '[1,2]' LIMIT 1;
                END IF;
            END LOOP;
        EXCEPTION WHEN data_exception THEN failed := failed + 1;
        END;
    END LOOP;
    RETURN failed;
END $$;
SELECT tries(300);

-- Parameters that change start the scan anew.
SELECT i, (SELECT array_agg(id) FROM (SELECT id FROM things WHERE n = i ORDER BY embedding <-> ('[1,2,' || i || ']')::vector LIMIT 2) AS a) AS nearest
    FROM generate_series(1, 3) AS i;
