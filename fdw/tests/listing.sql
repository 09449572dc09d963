-- Globs: folders are searched once, links are no circles, and whoever waits can stop it.
\pset format unaligned
\set tree :folder /tree
\setenv TREE :tree
\setenv FILES :files
CREATE EXTENSION hither CASCADE;
\! mkdir -p $TREE/a/b "$TREE/[x]"
\! for name in "" a a/b '[x]'; do cp $FILES/small/l2-flat.hither "$TREE/$name/t.hither"; done
-- A link to a folder above, one to itself, one to a file, and one that leads nowhere.
\! ln -s .. $TREE/a/b/up; ln -s . $TREE/a/same; ln -s ../t.hither $TREE/a/link.hither; ln -s nowhere $TREE/broken.hither
CREATE SERVER tree FOREIGN DATA WRAPPER hither OPTIONS (location :'tree');
CREATE FOREIGN TABLE t (id bigint) SERVER tree OPTIONS (location '**/*.hither');
CREATE FUNCTION files() RETURNS SETOF text BEGIN ATOMIC SELECT location FROM hither.shards; END;
SELECT files();
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location '**');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location '**/**/t.hither');
SELECT files();
ALTER FOREIGN TABLE t OPTIONS (SET location 'a/**/b/*');
SELECT files();
-- A link that the pattern itself names is followed.
ALTER FOREIGN TABLE t OPTIONS (SET location 'a/s*/b/t.*');
SELECT files();
ALTER FOREIGN TABLE t OPTIONS (SET location '*/t.hither');
SELECT files();
ALTER FOREIGN TABLE t OPTIONS (SET location '[[]x]/*.hither');
SELECT files();
-- A folder that is called as a glob is, is a folder.
ALTER FOREIGN TABLE t OPTIONS (SET location '[x]');
SELECT files();
ALTER FOREIGN TABLE t OPTIONS (SET location 'a**');
SELECT count(*) FROM t;
ALTER FOREIGN TABLE t OPTIONS (SET location 'none*/**');
SELECT count(*) FROM t;
-- All that this machine has: stopped within a folder.
ALTER FOREIGN TABLE t OPTIONS (SET location '/**/none*.hither');
SET statement_timeout = '100ms';
SELECT count(*) FROM t;
SELECT count(*) FROM hither.shards;
IMPORT FOREIGN SCHEMA "/**/none*.hither" FROM SERVER tree INTO public;
RESET statement_timeout;
