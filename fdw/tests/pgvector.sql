-- What pgvector's own tests of its HNSW and IVFFlat indexes ask, asked of foreign tables: each
-- metric, null and zero queries, counts, limits; pgvector's operators over the same rows answer.
CREATE EXTENSION hither CASCADE;
CREATE SERVER files FOREIGN DATA WRAPPER hither OPTIONS (location :'files');
CREATE FUNCTION tables(metric text, vector_type text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['hnsw', 'ivf', 'flat'] LOOP
        EXECUTE format('CREATE FOREIGN TABLE %1$s_%2$s_%3$s (id bigint, val %3$s(3)) SERVER files
            OPTIONS (location ''small/%1$s-%2$s.hither'')', metric, kind, vector_type);
    END LOOP;
    EXECUTE format('CREATE TABLE %1$s_%2$s AS SELECT * FROM %1$s_flat_%2$s', metric, vector_type);
END $$;
SELECT tables(metric, vector_type) FROM unnest(ARRAY['l2', 'ip', 'cosine', 'l1']) AS metric, unnest(ARRAY['vector', 'halfvec']) AS vector_type;
SELECT * FROM l2_vector ORDER BY id;
SELECT * FROM cosine_halfvec ORDER BY id;

-- Each table, each query: does it answer as pgvector does?
CREATE FUNCTION agree(query text, operator text, metric text) RETURNS TABLE (agree bigint, differ text) LANGUAGE plpgsql AS $$
DECLARE kind text; vector_type text; ours text; theirs text; own text;
BEGIN
    agree := 0;
    FOREACH vector_type IN ARRAY ARRAY['vector', 'halfvec'] LOOP
        own := replace(replace(query, '<op>', operator), 'TYPE', vector_type);
        EXECUTE format('SELECT array_agg(a)::text FROM (%s) AS a', replace(own, '@', metric || '_' || vector_type)) INTO theirs;
        FOREACH kind IN ARRAY ARRAY['hnsw', 'ivf', 'flat'] LOOP
            EXECUTE format('SELECT array_agg(a)::text FROM (%s) AS a', replace(own, '@', metric || '_' || kind || '_' || vector_type)) INTO ours;
            IF ours IS NOT DISTINCT FROM theirs THEN
                agree := agree + 1;
            ELSE
                differ := concat_ws('; ', differ, kind || ' ' || vector_type || ': ' || ours || ' is not ' || theirs);
            END IF;
        END LOOP;
    END LOOP;
    RETURN NEXT;
END $$;
SELECT metric, query, a.* FROM (VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>'), ('l1', '<+>')) AS m(metric, operator), unnest(ARRAY[
    'SELECT id FROM @ ORDER BY val <op> ''[3,3,3.1]''',
    'SELECT id FROM @ ORDER BY val <op> ''[3,3,3.1]'' LIMIT 2',
    'SELECT id FROM @ ORDER BY ''[3,3,3.1]'' <op> val LIMIT 3 OFFSET 1',
    'SELECT val FROM @ ORDER BY val <op> ''[1,2,4.1]'' LIMIT 1',
    'SELECT count(*) FROM @',
    'SELECT count(*) FROM (SELECT * FROM @ ORDER BY val <op> (SELECT NULL::TYPE)) AS t2',
    'SELECT count(*) FROM (SELECT * FROM @ ORDER BY val <op> ''[0,0,0]'') AS t2',
    'SELECT count(*) FROM (SELECT * FROM @ ORDER BY val <op> ''[0,0,0]'' LIMIT 2) AS t2',
    'SELECT id, round((val <op> ''[1,2,3]'')::numeric, 4) FROM @ ORDER BY id',
    'SELECT id FROM @ WHERE val <op> ''[1,1,1.5]'' < 2 ORDER BY id',
    'SELECT q.id, n.id FROM @ AS q, LATERAL (SELECT id FROM @ AS i WHERE i.id <> q.id ORDER BY i.val <op> (q.val + ''[0,0.1,0.2]''), id LIMIT 1) AS n ORDER BY 1',
    'SELECT id FROM @ ORDER BY val <op> ''[1,2,3.1]'', id LIMIT 4',
    'SELECT id FROM @ WHERE id > 100 ORDER BY val <op> ''[1,2,3]'' LIMIT 2',
    'SELECT count(*) FROM @ WHERE val = ''[1,2,3]''',
    'SELECT avg(val) FROM @']) AS query, agree(query, operator, metric) AS a ORDER BY metric, query;

-- Wrong queries say what pgvector says, or more.
SELECT id FROM l2_hnsw_vector ORDER BY val <-> '[1,2]' LIMIT 1;
SELECT id FROM l2_ivf_halfvec ORDER BY val <-> '[1,2,3,4]' LIMIT 1;
SELECT id FROM l2_hnsw_vector ORDER BY val <-> '[1,2,NaN]' LIMIT 1;
