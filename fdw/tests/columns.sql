-- Every type of column and key, from a table to a file and back; IMPORT FOREIGN SCHEMA from a folder; dump and restore.
\set build :hither ' build --metric l2 --postgres postgres://postgres@127.0.0.1:' :port '/columns'
\setenv BUILD :build
\setenv FOLDER :webfolder
\setenv BIN :bin
\setenv PORT :port
CREATE EXTENSION hither CASCADE;
SET timezone = 'UTC';
CREATE TABLE source (id bigint, v vector(2), i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, t text,
    vc varchar(5), b bool, tz timestamptz, d date, u uuid, j jsonb, by bytea);
INSERT INTO source VALUES
    (1, '[1,2]', -32768, 2147483647, 9223372036854775807, 0.1, 1e-300, 'Füße', 'abcde', true,
     '2024-02-29 12:30:00.000001+01', '0001-01-01', '12345678-1234-1234-1234-123456789abc', '{"a": [null, 1]}', '\x00ff'),
    (2, '[0.5,-2]', 32767, -2147483648, -9223372036854775808, -1e38, 'Infinity', '', '', false,
     '-infinity', 'infinity', '00000000-0000-0000-0000-000000000000', '"text"', ''),
    (3, '[0,0]', null, null, null, null, null, null, null, null, null, null, null, null, null);
\! $BUILD --query 'SELECT * FROM source ORDER BY id' --element f32 --property model=none -o $FOLDER/types.hither 2>&1 | grep error
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'webfolder');
CREATE FOREIGN TABLE types (id bigint, v vector(2), i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, t text,
    vc varchar(5), b bool, tz timestamptz, d date, u uuid, j jsonb, by bytea) SERVER files OPTIONS (location 'types.hither');
SELECT count(*), count(t), count(u) FROM types;
SELECT * FROM types EXCEPT SELECT * FROM source;
SELECT * FROM source EXCEPT SELECT * FROM types;
SELECT id FROM types WHERE u = '12345678-1234-1234-1234-123456789abc' OR by = '' OR i2 IS NULL ORDER BY v <-> '[0,0]' LIMIT 3;
-- Other types: what fits is shown, what does not says so at the value; what cannot says so at once.
CREATE FOREIGN TABLE narrow (id int2, v halfvec(2), i8 int2, t varchar(9), f8 float4, tz timestamp, d timestamptz, j text)
    SERVER files OPTIONS (location 'types.hither');
SELECT id, v, t IS NULL, tz, d FROM narrow WHERE id <> 1;
SELECT j FROM narrow WHERE id = 1;
SELECT i8 FROM narrow;
ALTER FOREIGN TABLE narrow ALTER COLUMN t TYPE varchar(2);
SELECT t FROM narrow;
SELECT f8 FROM narrow;
ALTER FOREIGN TABLE narrow ALTER COLUMN i8 TYPE text;
SELECT id FROM narrow;
ALTER FOREIGN TABLE narrow DROP COLUMN i8, ALTER COLUMN id TYPE uuid;
SELECT id FROM narrow;
ALTER FOREIGN TABLE narrow ALTER COLUMN id TYPE bigint, ALTER COLUMN v TYPE vector(3);
SELECT id FROM narrow;
ALTER FOREIGN TABLE narrow ALTER COLUMN v TYPE vector, ADD COLUMN second halfvec(2), ADD COLUMN title text;
SELECT id FROM narrow;
ALTER FOREIGN TABLE narrow ALTER COLUMN title OPTIONS (ADD column 't');
SELECT id, v, second, title FROM narrow;
SELECT id FROM narrow ORDER BY v <-> '[0,0]' LIMIT 1;
-- Keys of other types.
\! $BUILD --query "SELECT coalesce(u, '12345678-0000-0000-0000-000000000000') AS id, v, t FROM source" --element f16 -o $FOLDER/uuids.hither 2>&1 | grep error
\! $BUILD --query "SELECT 'k' || id AS id, v FROM source" -o $FOLDER/texts.hither 2>&1 | grep error
CREATE FOREIGN TABLE uuids (key uuid, v vector(2)) SERVER files OPTIONS (location 'uuids.hither');
SELECT * FROM uuids WHERE key = '12345678-0000-0000-0000-000000000000';
CREATE FOREIGN TABLE texts (id text, v vector(2)) SERVER files OPTIONS (location 'texts.hither');
SELECT * FROM texts WHERE id IN ('k1', 'k3') ORDER BY id;
ALTER FOREIGN TABLE texts ALTER COLUMN id TYPE bigint;
SELECT * FROM texts;

-- Options of three levels: the session's go before the table's, and those before the server's.
CREATE FOREIGN TABLE things (id bigint, embedding vector(3)) SERVER files OPTIONS (location 'things.hither');
ALTER SERVER files OPTIONS (ADD ef_search '77', ADD map 'off');
EXPLAIN (COSTS OFF) SELECT id FROM things ORDER BY embedding <-> '[0,0,0]' LIMIT 1;
ALTER FOREIGN TABLE things OPTIONS (ADD recall '0.9');
EXPLAIN (COSTS OFF) SELECT id FROM things ORDER BY embedding <-> '[0,0,0]' LIMIT 1;
SET hither.ef_search = 123;
SET hither.map = 'on';
EXPLAIN (COSTS OFF) SELECT id FROM things ORDER BY embedding <-> '[0,0,0]' LIMIT 1;
RESET hither.ef_search;
RESET hither.map;
ALTER SERVER files OPTIONS (DROP ef_search, DROP map, ADD model 'none');
SELECT count(*) FROM types;
SELECT count(*) FROM things;
ALTER SERVER files OPTIONS (DROP model);

-- IMPORT FOREIGN SCHEMA: types and names of the files, quoted where they must be.
\! $BUILD --query 'SELECT id AS "key", v AS vector, i2 AS id, t AS "Select ""it""", b AS embedding FROM source' --vector-column vector --key-column key -o "$FOLDER/Odd \"name\".hither" 2>&1 | grep error
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA "." LIMIT TO (types, uuids, texts, "Odd ""name""", absent) FROM SERVER files INTO imported;
\d imported.*
SELECT * FROM imported.types EXCEPT SELECT * FROM source;
SELECT * FROM imported."Odd ""name""" ORDER BY 1;
IMPORT FOREIGN SCHEMA "types.hither" FROM SERVER files INTO imported;
IMPORT FOREIGN SCHEMA "part[0-2].hither" FROM SERVER files INTO imported OPTIONS (shards 'many');
IMPORT FOREIGN SCHEMA "part[0-2].hither" FROM SERVER files INTO imported OPTIONS (vectro 'halfvec');
IMPORT FOREIGN SCHEMA "none" FROM SERVER files INTO imported;
IMPORT FOREIGN SCHEMA "text.hither" FROM SERVER files INTO imported;
IMPORT FOREIGN SCHEMA "part[0-2].hither" FROM SERVER files INTO imported OPTIONS (vector 'halfvec');
SELECT count(*) FROM imported.part2;

-- Dump and restore; dropping the extension leaves nothing.
\! $BIN/createdb -h 127.0.0.1 -p $PORT -U postgres restored; $BIN/pg_dump -h 127.0.0.1 -p $PORT -U postgres columns | $BIN/psql -h 127.0.0.1 -p $PORT -U postgres -d restored -qX -o /dev/null -v ON_ERROR_STOP=1
\! $BIN/psql -h 127.0.0.1 -p $PORT -U postgres -d restored -AtXc 'SELECT count(*) FROM types' -c 'SELECT relation, rows FROM hither.shards ORDER BY 1'
DROP EXTENSION hither;
DROP SERVER files CASCADE;
DROP EXTENSION hither;
SELECT count(*) FROM pg_namespace WHERE nspname = 'hither';
SELECT count(*) FROM pg_foreign_data_wrapper;
CREATE EXTENSION hither;
