-- From an index of pgvector to one of hither: the statements, each as it stands.
CREATE EXTENSION hither CASCADE;
CREATE SCHEMA "Shop";
CREATE TABLE "Shop".items (id bigserial, v vector(3), n int);
INSERT INTO "Shop".items (v, n) SELECT ARRAY[i % 7, i % 11, i % 13]::vector, i FROM generate_series(1, 500) AS i;
CREATE INDEX items_v ON "Shop".items USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32) WHERE n > 3;
CREATE INDEX "Items' lists" ON "Shop".items USING ivfflat ((v::halfvec(3)) halfvec_cosine_ops) WITH (lists = 5);
CREATE INDEX items_bits ON "Shop".items USING hnsw ((binary_quantize(v)::bit(3)) bit_hamming_ops);
CREATE TABLE parts (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (10) TO (100) PARTITION BY RANGE (id);
CREATE TABLE parts_b1 PARTITION OF parts_b FOR VALUES FROM (10) TO (20);
INSERT INTO parts SELECT i, ARRAY[i, 1, 2]::vector FROM generate_series(0, 19) AS i;
CREATE INDEX ON parts USING hnsw (v vector_cosine_ops);
\t on
SELECT hither.migrate_statements('"Shop".items_v');
SELECT hither.migrate_statements('"Shop"."Items'' lists"');
SELECT hither.migrate_statements('parts_v_idx');
-- What cannot be: another type, and what is no index of pgvector.
SELECT hither.migrate_statements('"Shop".items_bits');
SELECT hither.migrate_statements('"Shop".items');
-- They make indexes that are valid and used, and leave the old ones.
SELECT hither.migrate_statements('"Shop".items_v') \gexec
SELECT hither.migrate_statements('"Shop"."Items'' lists"') \gexec
SELECT hither.migrate_statements('parts_v_idx') \gexec
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid::regclass::text ~ 'items|parts' ORDER BY indexrelid::regclass::text COLLATE "C";
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM "Shop".items WHERE n > 3 ORDER BY v <-> '[1,2,3]' LIMIT 5;
-- A name that is taken.
SELECT hither.migrate_statements('"Shop".items_v');
-- The indexes of a cluster, which without Citus is this server.
SELECT node, "table", index, kind, rows, options FROM hither.cluster_indexes() ORDER BY index COLLATE "C";
