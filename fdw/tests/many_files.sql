-- Tables of more files than a backend keeps of statements that are over: what a statement needs is
-- opened once, and found again by the next one.
\pset format unaligned
\set many :folder /many
\setenv MANY :many
\setenv FILES :files
CREATE EXTENSION hither CASCADE;
\! python3 -c 'import os, shutil; f, t = os.environ["FILES"], os.environ["MANY"]; [(os.makedirs(f"{t}/{d}"), shutil.copy(f"{f}/small/l2-flat.hither", f"{t}/{d}/0.hither"), [os.link(f"{t}/{d}/0.hither", f"{t}/{d}/{i}.hither") for i in range(1, n)]) for d, n in (("a", 1500), ("b", 1100), ("c", 40))]'
CREATE SERVER many FOREIGN DATA WRAPPER hither OPTIONS (location :'many');
CREATE FOREIGN TABLE a (id bigint, embedding vector(3)) SERVER many OPTIONS (location 'a');
CREATE FOREIGN TABLE b (id bigint, embedding vector(3)) SERVER many OPTIONS (location 'b');
CREATE FOREIGN TABLE c (id bigint, embedding vector(3)) SERVER many OPTIONS (location 'c');
SELECT count(*) FROM a;
SELECT files_opened FROM hither.stats;
SELECT id FROM a ORDER BY embedding <-> '[1,2,3]' LIMIT 1;
SELECT files_opened FROM hither.stats;
-- Two tables in one statement, twice.
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
SELECT files_opened FROM hither.stats;
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
SELECT files_opened FROM hither.stats;
-- A few files beside them cost neither theirs.
SELECT count(*) FROM c;
SELECT count(*) FROM c;
SELECT count(*) FROM a;
SELECT files_opened FROM hither.stats;
-- What was not used for long is forgotten: no backend keeps all that it ever opened.
\! python3 -c 'import os; t = os.environ["MANY"]; [(os.makedirs(f"{t}/d{d}"), [os.link(f"{t}/a/0.hither", f"{t}/d{d}/{i}.hither") for i in range(900)]) for d in range(8)]'
SELECT format('CREATE FOREIGN TABLE d%s (id bigint) SERVER many OPTIONS (location %L)', d, 'd' || d) FROM generate_series(0, 7) AS d \gexec
SELECT format('SELECT count(*) FROM d%s', d) FROM generate_series(0, 7) AS d \gexec
SELECT files_opened FROM hither.stats;
SELECT count(*) FROM c;
SELECT files_opened FROM hither.stats;
