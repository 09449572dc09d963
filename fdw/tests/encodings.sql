-- Databases of other encodings than UTF8: values, names and literals are converted both ways.
\pset format unaligned
SET client_min_messages = warning;

CREATE DATABASE encoding_utf8 TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
\c encoding_utf8
SET client_encoding = 'UTF8';
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
IMPORT FOREIGN SCHEMA "." LIMIT TO (latin, kanji, bars) FROM SERVER files INTO public;
SELECT id, "größe", doc, octet_length(id) FROM latin ORDER BY id COLLATE "C";
CREATE TABLE plain AS SELECT id, "größe", doc FROM latin;
SELECT count(*) FROM latin JOIN plain USING (id, "größe", doc);
SELECT id FROM latin WHERE "größe" = 'éé';
SELECT id FROM latin WHERE "größe" LIKE 'é%';
SELECT id FROM latin WHERE id = 'é';
SELECT id FROM latin WHERE "größe" IN ('éé', 'ñandúñandú') ORDER BY 1;
SELECT count(*) FROM latin WHERE "größe" <> 'éé';
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM latin WHERE "größe" COLLATE "C" < 'é';
SELECT (SELECT array_agg(id ORDER BY id) FROM latin WHERE "größe" COLLATE "C" < 'é') = (SELECT array_agg(id ORDER BY id) FROM plain WHERE "größe" COLLATE "C" < 'é') AS alike;
PREPARE p(text) AS SELECT id FROM latin WHERE "größe" = $1;
EXECUTE p('ñandúñandú');

CREATE DATABASE encoding_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
\c encoding_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
IMPORT FOREIGN SCHEMA "." LIMIT TO (latin, kanji, bars) FROM SERVER files INTO public;
SELECT id, "größe", doc, octet_length(id) FROM latin ORDER BY id COLLATE "C";
CREATE TABLE plain AS SELECT id, "größe", doc FROM latin;
SELECT count(*) FROM latin JOIN plain USING (id, "größe", doc);
SELECT id FROM latin WHERE "größe" = 'éé';
SELECT id FROM latin WHERE "größe" LIKE 'é%';
SELECT id FROM latin WHERE id = 'é';
SELECT id FROM latin WHERE "größe" IN ('éé', 'ñandúñandú') ORDER BY 1;
SELECT count(*) FROM latin WHERE "größe" <> 'éé';
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM latin WHERE "größe" COLLATE "C" < 'é';
SELECT (SELECT array_agg(id ORDER BY id) FROM latin WHERE "größe" COLLATE "C" < 'é') = (SELECT array_agg(id ORDER BY id) FROM plain WHERE "größe" COLLATE "C" < 'é') AS alike;
PREPARE p(text) AS SELECT id FROM latin WHERE "größe" = $1;
EXECUTE p('ñandúñandú');
-- What the encoding does not have names the value.
SELECT id FROM kanji;
-- Errors are ASCII there.
ALTER FOREIGN TABLE latin ADD COLUMN "gröse" text;
SELECT * FROM latin;
ALTER FOREIGN TABLE latin DROP COLUMN "gröse";
ALTER FOREIGN TABLE latin OPTIONS (SET location 'é.hither');
SELECT * FROM latin;
SELECT relation, last_error FROM hither.shards WHERE relation = 'latin'::regclass;

CREATE DATABASE encoding_euc_jp TEMPLATE template0 ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C';
\c encoding_euc_jp
SET client_encoding = 'UTF8';
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
IMPORT FOREIGN SCHEMA "." LIMIT TO (latin, kanji, bars) FROM SERVER files INTO public;
SELECT id, "größe", doc, octet_length(id) FROM kanji ORDER BY id COLLATE "C";
CREATE TABLE plain AS SELECT id, "größe", doc FROM kanji;
SELECT count(*) FROM kanji JOIN plain USING (id, "größe", doc);
SELECT id FROM kanji WHERE "größe" = '日本日本';
SELECT id FROM kanji WHERE "größe" LIKE '日本%';
SELECT id FROM kanji WHERE id = '日本';
SELECT id FROM kanji WHERE "größe" IN ('日本日本', 'かなかな') ORDER BY 1;
SELECT count(*) FROM kanji WHERE "größe" <> '日本日本';
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM kanji WHERE "größe" COLLATE "C" < '日本';
SELECT (SELECT array_agg(id ORDER BY id) FROM kanji WHERE "größe" COLLATE "C" < '日本') = (SELECT array_agg(id ORDER BY id) FROM plain WHERE "größe" COLLATE "C" < '日本') AS alike;
PREPARE p(text) AS SELECT id FROM kanji WHERE "größe" = $1;
EXECUTE p('かなかな');
-- Two of Unicode's characters are one here: Postgres decides what is equal.
SELECT count(*) FROM bars WHERE id = '¦';
CREATE TABLE plain_bars AS SELECT * FROM bars;
SELECT count(*) FROM plain_bars WHERE id = '¦';
-- What the encoding does not have names the value.
SELECT id FROM latin;
-- Errors are ASCII there.
ALTER FOREIGN TABLE kanji ADD COLUMN "gröse" text;
SELECT * FROM kanji;
ALTER FOREIGN TABLE kanji DROP COLUMN "gröse";
ALTER FOREIGN TABLE kanji OPTIONS (SET location 'é.hither');
SELECT * FROM kanji;
SELECT relation, last_error FROM hither.shards WHERE relation = 'kanji'::regclass;

CREATE DATABASE encoding_none TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
\c encoding_none
SET client_encoding = 'UTF8';
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
IMPORT FOREIGN SCHEMA "." LIMIT TO (latin, kanji, bars) FROM SERVER files INTO public;
SELECT id, "größe", doc, octet_length(id) FROM latin ORDER BY id COLLATE "C";
CREATE TABLE plain AS SELECT id, "größe", doc FROM latin;
SELECT count(*) FROM latin JOIN plain USING (id, "größe", doc);
SELECT id FROM latin WHERE "größe" = 'éé';
SELECT id FROM latin WHERE "größe" LIKE 'é%';
SELECT id FROM latin WHERE id = 'é';
SELECT id FROM latin WHERE "größe" IN ('éé', 'ñandúñandú') ORDER BY 1;
SELECT count(*) FROM latin WHERE "größe" <> 'éé';
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM latin WHERE "größe" COLLATE "C" < 'é';
SELECT (SELECT array_agg(id ORDER BY id) FROM latin WHERE "größe" COLLATE "C" < 'é') = (SELECT array_agg(id ORDER BY id) FROM plain WHERE "größe" COLLATE "C" < 'é') AS alike;
PREPARE p(text) AS SELECT id FROM latin WHERE "größe" = $1;
EXECUTE p('ñandúñandú');
-- What is not UTF-8 is in no file, and no text is taken for another.
SELECT count(*) FROM latin WHERE "größe" = E'\xe9';
SELECT count(*) FROM latin WHERE "größe" <> E'\xe9';

\c encodings
DROP DATABASE encoding_utf8; DROP DATABASE encoding_latin1; DROP DATABASE encoding_euc_jp; DROP DATABASE encoding_none;
