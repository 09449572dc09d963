"""What docs/migration.md says, on a table with an index of pgvector's: with_migration.py URL"""

import re, sys
import numpy, psycopg
from pgvector.psycopg import register_vector
import page, sample
from plans import used

url, count = sys.argv[1], 3500
METHODS = "SELECT amname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam WHERE indrelid = %s::regclass AND amname <> 'btree'"
KNOWN = """SELECT name FROM pg_settings WHERE name LIKE 'hither.%' UNION SELECT 'hither.' || proname FROM pg_proc WHERE pronamespace = 'hither'::regnamespace
    UNION SELECT 'hither.' || relname FROM pg_class WHERE relnamespace = 'hither'::regnamespace"""

with psycopg.connect(url, autocommit=True) as session:
    session.execute("CREATE EXTENSION vector; LOAD 'vector'")
    register_vector(session)
    for table, kind in {"items": "vector(384)", "old_items": "real[]"}.items():
        session.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, title text, kind text, embedding {kind})")
        session.cursor().executemany(f"INSERT INTO {table} VALUES (%s, %s, %s, %s)", [
            (*row, embedding if table == "items" else embedding.tolist()) for *row, embedding in sample.items(count)])
    session.execute("CREATE INDEX items_embedding_idx ON items USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)")
    session.execute("CREATE INDEX old_items_embedding_idx ON old_items (id)")
    page.run("migration.md", "From pgvector", url)
    assert session.execute(METHODS, ("items",)).fetchall() == [("hither",)]
    # What the function gives is what the page has.
    session.execute("CREATE INDEX theirs ON items USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)")
    given, = session.execute("SELECT hither.migrate_statements('theirs')").fetchone()
    shown, = [text for _, text in page.blocks("migration.md")["From pgvector"] if "CREATE INDEX" in text]
    words = [re.sub(r"\s+", " ", text).replace("public.", "").strip(" ;\n") for text in (given, shown)]
    assert words[0].replace("theirs", "items_embedding_idx") == words[1], words
    session.execute("DROP INDEX theirs")
    page.run("migration.md", "Settings", url)
    page.run("migration.md", "From pgvecto.rs", url)
    page.run("migration.md", "See what is there", url)
    assert session.execute(METHODS, ("old_items",)).fetchall() == [("hither",)]
    # Nothing is named that does not exist.
    known = {row[0] for row in session.execute(KNOWN)}
    for name in ("migration.md", "clients.md"):
        text = (page.folder / name).read_text(encoding="utf-8")
        strange = {word for word in re.findall(r"\bhither\.[a-z_]+", text)} - known
        assert not strange, f"{name} names {strange}"

# A session that begins anew has what the role says.
with psycopg.connect(url, autocommit=True) as session:
    register_vector(session)
    for table, operator, metric in (("items", "<=>", "cosine"), ("old_items", "<->", "l2")):
        text = f"SELECT id FROM {table} ORDER BY embedding {operator} %s LIMIT 10"
        used("\n".join(row[0] for row in session.execute("EXPLAIN (COSTS OFF) " + text, (sample.queries[0],))), f"{table}_embedding_idx")
        sample.compare(lambda query: [row[0] for row in session.execute(text, (query,))], count, metric=metric, least=0.98)
        effort = session.execute("SELECT effort FROM hither.last_scan()").fetchone()
        assert effort == ("ef_search 100",), effort
    for setting, values in {"hither.iterative_scan": ["strict", "strict_order", "relaxed", "relaxed_order"], "hither.probes": ["16"], "hither.recall": ["0.95"]}.items():
        for value in values:
            session.execute(f"SET {setting} = {value}")
    session.execute("ALTER ROLE CURRENT_USER RESET hither.ef_search")
