-- Values that Postgres's types do not have, and values of a query that files do not have.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
SET timezone = 'UTC';
CREATE FOREIGN TABLE beyond (id bigint, t text, at timestamptz, doc jsonb) SERVER files OPTIONS (location 'beyond.hither');
SELECT t FROM beyond;
CREATE TABLE stored AS SELECT id, t FROM beyond;
SELECT t FROM beyond WHERE id = 8;
SELECT at FROM beyond WHERE id = 8;
ALTER FOREIGN TABLE beyond ALTER COLUMN at TYPE date;
SELECT at FROM beyond WHERE id = 8;
SELECT doc FROM beyond WHERE id = 8;
ALTER FOREIGN TABLE beyond ALTER COLUMN doc TYPE text;
SELECT doc FROM beyond;
ALTER FOREIGN TABLE beyond ALTER COLUMN at TYPE timestamptz;
SELECT id FROM beyond WHERE at > '294260-01-01';
SELECT count(*) FROM beyond WHERE at < '294247-01-01' AND at > '-infinity';
SELECT count(*) FROM beyond WHERE at >= 'infinity';
-- A name of a column that Postgres cannot have: not even an option can say it.
\setenv HITHER :hither
\setenv FILES :files
\! mkdir -p $FILES/unnamed && printf '%s\n' '{"vector":[1,2,3],"a\u0000c":1,"n":2}' >$FILES/unnamed/nul.jsonl
\! $HITHER build $FILES/unnamed/nul.jsonl --metric l2 -q -o $FILES/unnamed/nul.hither && chmod 644 $FILES/unnamed/nul.hither
IMPORT FOREIGN SCHEMA "unnamed" FROM SERVER files INTO public;
CREATE FOREIGN TABLE unnamed (id bigint, embedding vector(3), n bigint) SERVER files OPTIONS (location 'unnamed/nul.hither');
SELECT * FROM unnamed;
\! rm -r $FILES/unnamed
-- A domain over a vector, and how to do without.
CREATE DOMAIN unit AS vector(3) CHECK (vector_norm(VALUE) > 0);
CREATE FOREIGN TABLE domained (id bigint, embedding unit) SERVER files OPTIONS (location 'beyond.hither');
SELECT * FROM domained;
ALTER FOREIGN TABLE domained ALTER COLUMN embedding TYPE vector(3);
SELECT * FROM domained;
