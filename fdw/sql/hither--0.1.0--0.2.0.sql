\echo Use "ALTER EXTENSION hither UPDATE" to load this file. \quit

CREATE FUNCTION hither.index_handler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'hither_index_handler' LANGUAGE c STRICT;
CREATE ACCESS METHOD hither TYPE INDEX HANDLER hither.index_handler;
COMMENT ON ACCESS METHOD hither IS 'nearest vectors: index files in WAL-logged pages, searched in mapped copies';

-- A distance that is ordered by and is to be less than a bound: the planner is given this for the index, which stops
-- there. It is true of every row, and the condition itself is checked.
CREATE FUNCTION hither.within(vector, float8) RETURNS boolean
    AS 'MODULE_PATHNAME', 'hither_within' LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION hither.within(halfvec, float8) RETURNS boolean
    AS 'MODULE_PATHNAME', 'hither_within' LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE;
CREATE OPERATOR hither.<@ (LEFTARG = vector, RIGHTARG = float8, FUNCTION = hither.within);
CREATE OPERATOR hither.<@ (LEFTARG = halfvec, RIGHTARG = float8, FUNCTION = hither.within);
COMMENT ON OPERATOR hither.<@ (vector, float8) IS 'where a scan of an index by distance ends: for the planner';
COMMENT ON OPERATOR hither.<@ (halfvec, float8) IS 'where a scan of an index by distance ends: for the planner';

-- The names are pgvector's: those of operator classes belong to an access method. There is no default,
-- for an index by the wrong distance would be one that no query uses.
CREATE OPERATOR CLASS vector_l2_ops FOR TYPE vector USING hither AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (vector, float8);
CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING hither AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (vector, float8);
CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING hither AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (vector, float8);
CREATE OPERATOR CLASS vector_l1_ops FOR TYPE vector USING hither AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (vector, float8);
CREATE OPERATOR CLASS halfvec_l2_ops FOR TYPE halfvec USING hither AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (halfvec, float8);
CREATE OPERATOR CLASS halfvec_ip_ops FOR TYPE halfvec USING hither AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (halfvec, float8);
CREATE OPERATOR CLASS halfvec_cosine_ops FOR TYPE halfvec USING hither AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (halfvec, float8);
CREATE OPERATOR CLASS halfvec_l1_ops FOR TYPE halfvec USING hither AS
    OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY pg_catalog.float_ops,
    OPERATOR 2 hither.<@ (halfvec, float8);
-- Those that there are not, so that who asks for one is told where there is one.
CREATE OPERATOR CLASS bit_hamming_ops FOR TYPE bit USING hither AS
    OPERATOR 1 <~> (bit, bit) FOR ORDER BY pg_catalog.float_ops;
CREATE OPERATOR CLASS bit_jaccard_ops FOR TYPE bit USING hither AS
    OPERATOR 1 <%> (bit, bit) FOR ORDER BY pg_catalog.float_ops;
CREATE OPERATOR CLASS sparsevec_l2_ops FOR TYPE sparsevec USING hither AS
    OPERATOR 1 <-> (sparsevec, sparsevec) FOR ORDER BY pg_catalog.float_ops;
CREATE OPERATOR CLASS sparsevec_ip_ops FOR TYPE sparsevec USING hither AS
    OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY pg_catalog.float_ops;
CREATE OPERATOR CLASS sparsevec_cosine_ops FOR TYPE sparsevec USING hither AS
    OPERATOR 1 <=> (sparsevec, sparsevec) FOR ORDER BY pg_catalog.float_ops;
CREATE OPERATOR CLASS sparsevec_l1_ops FOR TYPE sparsevec USING hither AS
    OPERATOR 1 <+> (sparsevec, sparsevec) FOR ORDER BY pg_catalog.float_ops;

-- Indexes: those of tables that the user may read. What is unlogged is not there on a standby.
CREATE FUNCTION hither.index_status(index oid) RETURNS TABLE
    (kind text, metric text, dimensions integer, rows bigint, growing bigint, deleted bigint,
     segments integer, bytes bigint, near_copies integer, format integer)
    AS 'MODULE_PATHNAME', 'index_status_wrapper' LANGUAGE c STRICT VOLATILE;

CREATE VIEW hither.indexes AS
    SELECT indrelid::regclass AS "table", class.oid::regclass AS index, status.*,
        coalesce(reloptions, '{}') AS options
    FROM pg_class AS class
        JOIN pg_index ON indexrelid = class.oid
        JOIN pg_am AS method ON method.oid = relam,
        LATERAL hither.index_status(class.oid) AS status
    WHERE amname = 'hither' AND relkind = 'i' AND has_table_privilege(indrelid, 'SELECT')
        AND NOT pg_is_other_temp_schema(relnamespace)
        AND NOT (relpersistence = 'u' AND pg_is_in_recovery());
GRANT SELECT ON hither.indexes TO PUBLIC;
COMMENT ON VIEW hither.indexes IS 'what the indexes USING hither consist of';

CREATE FUNCTION hither.verify(index regclass) RETURNS bigint
    AS 'MODULE_PATHNAME', 'index_verify_wrapper' LANGUAGE c STRICT VOLATILE;
COMMENT ON FUNCTION hither.verify IS 'reads and checks all pages of an index; gives the number of its rows';
CREATE FUNCTION hither.merge(index regclass) RETURNS boolean
    AS 'MODULE_PATHNAME', 'index_merge_wrapper' LANGUAGE c STRICT VOLATILE;
COMMENT ON FUNCTION hither.merge IS 'makes one segment of all rows of an index; false if somebody else is merging';
CREATE FUNCTION hither.prewarm(index regclass) RETURNS bigint
    AS 'MODULE_PATHNAME', 'index_prewarm_wrapper' LANGUAGE c STRICT VOLATILE;
COMMENT ON FUNCTION hither.prewarm IS 'makes the near copies of an index that are missing, and reads all of them; gives their bytes';
CREATE FUNCTION hither.last_scan() RETURNS TABLE
    (index regclass, effort text, segments integer, growing_rows bigint, searches bigint,
     codes_compared bigint, vectors_compared bigint, heap_rechecks bigint)
    AS 'MODULE_PATHNAME', 'index_last_scan_wrapper' LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION hither.last_scan IS 'what the last scan of an index USING hither did that ended in this session';
CREATE FUNCTION hither.export(index regclass, path text, key text, columns text[] DEFAULT '{}',
        vectors boolean DEFAULT true, overwrite boolean DEFAULT false) RETURNS bigint
    AS 'MODULE_PATHNAME', 'index_export_wrapper' LANGUAGE c STRICT VOLATILE;
COMMENT ON FUNCTION hither.export IS 'writes an index file of an index''s rows, as the statement sees them, to a file of the server; gives their number';
CREATE FUNCTION hither.export_bytes(index regclass, key text, columns text[] DEFAULT '{}',
        vectors boolean DEFAULT true) RETURNS SETOF bytea
    AS 'MODULE_PATHNAME', 'index_export_bytes_wrapper' LANGUAGE c STRICT VOLATILE;
COMMENT ON FUNCTION hither.export_bytes IS 'the bytes of the file that hither.export writes, in pieces';
CREATE FUNCTION hither.attach(index regclass, path text, key text)
        RETURNS TABLE (rows bigint, added bigint, dropped bigint)
    AS 'MODULE_PATHNAME', 'index_attach_wrapper' LANGUAGE c STRICT VOLATILE ROWS 1;
COMMENT ON FUNCTION hither.attach IS 'takes over the structure of an index file of the server for the rows of an index that it has; how many these are, how many it has not, and how many of it the index has not';
COMMENT ON FUNCTION hither.recall IS
    'recall@k of searches of a foreign table or an index under the current settings, against exact search, on a sample of its own rows';

-- All indexes of a cluster. Citus, where it is there, is asked for those of all nodes, of this one too: from sessions of
-- clients it hides shards. Tables that it spread have no rows themselves, and are left out.
CREATE FUNCTION hither.cluster_indexes() RETURNS TABLE
    (node text, "table" text, index text, kind text, metric text, dimensions integer, rows bigint, growing bigint,
     deleted bigint, segments integer, bytes bigint, near_copies integer, format integer, options text[])
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    citus boolean := EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus');
    node record;
BEGIN
    IF citus THEN
        FOR node IN EXECUTE $query$
                SELECT nodename || ':' || nodeport AS name, success, result
                FROM run_command_on_all_nodes($command$
                    SELECT coalesce(json_agg(i), '[]') FROM hither.indexes AS i
                        WHERE NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = i."table")
                    $command$) JOIN pg_dist_node USING (nodeid) ORDER BY nodeid
                $query$
        LOOP
            IF node.success THEN
                RETURN QUERY SELECT node.name, i.* FROM json_to_recordset(node.result::json) AS i
                    ("table" text, index text, kind text, metric text, dimensions integer, rows bigint, growing bigint,
                     deleted bigint, segments integer, bytes bigint, near_copies integer, format integer, options text[]);
            ELSE
                RAISE WARNING 'the indexes of % are not known: %', node.name, node.result;
            END IF;
        END LOOP;
        -- A coordinator that has no shards need not be among the nodes.
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_dist_node JOIN pg_dist_local_group USING (groupid))' INTO citus;
    END IF;
    IF NOT citus THEN
        RETURN QUERY SELECT 'local', i."table"::text, i.index::text, i.kind, i.metric, i.dimensions, i.rows, i.growing,
            i.deleted, i.segments, i.bytes, i.near_copies, i.format, i.options FROM hither.indexes AS i;
    END IF;
END $$;
COMMENT ON FUNCTION hither.cluster_indexes IS
    'hither.indexes of this server and, where Citus is there, of all its nodes';

-- From pgvector's. Nothing that is there is changed: the new index stands beside the old one. Of a partitioned index
-- each partition has a statement of its own, so that no table is locked against changes.
CREATE FUNCTION hither.migrate_statements(index regclass) RETURNS SETOF text
    LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old record;
    class text;
    name text;
    number integer;
    names jsonb := '{}';
BEGIN
    FOR old IN
        SELECT c.oid, tree.parent, c.relname, nspname, c.relkind = 'I' AS partitioned, indrelid::regclass AS "table", amname, opcname,
            (SELECT string_agg(format('%s = %L', split_part(option, '=', 1), split_part(option, '=', 2)), ', ')
                FROM unnest(CASE amname WHEN 'ivfflat' THEN '{kind=ivf}'::text[] END || c.reloptions) AS option) AS options,
            spcname, pg_get_expr(indpred, indrelid) AS predicate
        FROM (SELECT index, NULL::oid, 0 UNION ALL
                SELECT relid, parentrelid, level FROM pg_partition_tree(index) WHERE relid <> index) AS tree (oid, parent, level)
            JOIN pg_class AS c USING (oid) JOIN pg_namespace AS n ON n.oid = relnamespace JOIN pg_am AS method ON method.oid = relam
            LEFT JOIN pg_index AS i ON indexrelid = c.oid LEFT JOIN pg_opclass AS o ON o.oid = indclass[0]
            LEFT JOIN pg_tablespace AS t ON t.oid = reltablespace
        ORDER BY tree.level, c.oid
    LOOP
        IF old.amname NOT IN ('hnsw', 'ivfflat') THEN
            RAISE EXCEPTION '% is no index of pgvector', index
                USING ERRCODE = 'wrong_object_type', HINT = 'Name one that was made USING hnsw or USING ivfflat.';
        END IF;
        SELECT format('%I.%I', nspname, opcname) INTO class
            FROM pg_opclass JOIN pg_namespace AS n ON n.oid = opcnamespace JOIN pg_am AS method ON method.oid = opcmethod
            WHERE amname = 'hither' AND opcname = old.opcname AND opcname ~ '^(vector|halfvec)_';
        IF class IS NULL THEN
            RAISE EXCEPTION '% is by %, which indexes USING hither cannot be', old.oid::regclass, old.opcname
                USING ERRCODE = 'feature_not_supported', HINT = 'Keep it: pgvector''s indexes stand beside those of hither.';
        END IF;
        number := 1;
        LOOP
            name := format('%s_hither%s', left(old.relname, 48), nullif(number, 1));
            EXIT WHEN to_regclass(format('%I.%I', old.nspname, name)) IS NULL
                AND NOT EXISTS (SELECT FROM jsonb_each_text(names) WHERE value = format('%I.%I', old.nspname, name));
            number := number + 1;
        END LOOP;
        names := names || jsonb_build_object(old.oid, format('%I.%I', old.nspname, name));
        RETURN NEXT format('CREATE INDEX %s%I ON %s%s USING hither (%s %s)',
            CASE WHEN NOT old.partitioned THEN 'CONCURRENTLY ' END, name, CASE WHEN old.partitioned THEN 'ONLY ' END,
            old."table", pg_get_indexdef(old.oid, 1, false), class)
            || coalesce(' WITH (' || old.options || ')', '') || coalesce(' TABLESPACE ' || quote_ident(old.spcname), '')
            || coalesce(' WHERE ' || old.predicate, '');
        IF old.parent IS NOT NULL THEN
            RETURN NEXT format('ALTER INDEX %s ATTACH PARTITION %s', names ->> old.parent::text, names ->> old.oid::text);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION hither.migrate_statements IS
    'the statements that make an index USING hither beside one of pgvector''s; each on its own, outside of a transaction';

-- Columns beside the vector, on which conditions are decided within the search.
CREATE OPERATOR FAMILY integer_ops USING hither;
CREATE OPERATOR CLASS int2_ops DEFAULT FOR TYPE int2 USING hither FAMILY integer_ops AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE OPERATOR CLASS int4_ops DEFAULT FOR TYPE int4 USING hither FAMILY integer_ops AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE OPERATOR CLASS int8_ops DEFAULT FOR TYPE int8 USING hither FAMILY integer_ops AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
ALTER OPERATOR FAMILY integer_ops USING hither ADD
    OPERATOR 1 < (int2, int4), OPERATOR 2 <= (int2, int4), OPERATOR 3 = (int2, int4), OPERATOR 4 >= (int2, int4), OPERATOR 5 > (int2, int4),
    OPERATOR 1 < (int2, int8), OPERATOR 2 <= (int2, int8), OPERATOR 3 = (int2, int8), OPERATOR 4 >= (int2, int8), OPERATOR 5 > (int2, int8),
    OPERATOR 1 < (int4, int2), OPERATOR 2 <= (int4, int2), OPERATOR 3 = (int4, int2), OPERATOR 4 >= (int4, int2), OPERATOR 5 > (int4, int2),
    OPERATOR 1 < (int4, int8), OPERATOR 2 <= (int4, int8), OPERATOR 3 = (int4, int8), OPERATOR 4 >= (int4, int8), OPERATOR 5 > (int4, int8),
    OPERATOR 1 < (int8, int2), OPERATOR 2 <= (int8, int2), OPERATOR 3 = (int8, int2), OPERATOR 4 >= (int8, int2), OPERATOR 5 > (int8, int2),
    OPERATOR 1 < (int8, int4), OPERATOR 2 <= (int8, int4), OPERATOR 3 = (int8, int4), OPERATOR 4 >= (int8, int4), OPERATOR 5 > (int8, int4);
CREATE OPERATOR FAMILY float_ops USING hither;
CREATE OPERATOR CLASS float4_ops DEFAULT FOR TYPE float4 USING hither FAMILY float_ops AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE OPERATOR CLASS float8_ops DEFAULT FOR TYPE float8 USING hither FAMILY float_ops AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
ALTER OPERATOR FAMILY float_ops USING hither ADD
    OPERATOR 1 < (float4, float8), OPERATOR 2 <= (float4, float8), OPERATOR 3 = (float4, float8), OPERATOR 4 >= (float4, float8), OPERATOR 5 > (float4, float8),
    OPERATOR 1 < (float8, float4), OPERATOR 2 <= (float8, float4), OPERATOR 3 = (float8, float4), OPERATOR 4 >= (float8, float4), OPERATOR 5 > (float8, float4);
CREATE OPERATOR CLASS date_ops DEFAULT FOR TYPE date USING hither AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE OPERATOR CLASS timestamp_ops DEFAULT FOR TYPE timestamp USING hither AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE OPERATOR CLASS timestamptz_ops DEFAULT FOR TYPE timestamptz USING hither AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE OPERATOR CLASS bool_ops DEFAULT FOR TYPE bool USING hither AS OPERATOR 3 =;
CREATE OPERATOR CLASS text_ops DEFAULT FOR TYPE text USING hither AS OPERATOR 3 =;
CREATE OPERATOR CLASS uuid_ops DEFAULT FOR TYPE uuid USING hither AS OPERATOR 3 =;
