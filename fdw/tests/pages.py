"""The SQL in the pages of docs/ on Postgres: pages.py BIN FOLDER

Blocks without Citus are run. Of the others the server's own parser reads all, and what Citus would send to shards is run on
tables that are named as shards."""

import pathlib, re, subprocess, sys
import psycopg
from index_server import Server, end, folder, main, user
from shards import FIRST, to_shard

sys.path.append(str(pathlib.Path(__file__).parent / "clients"))
import page

# What a coordinator does by itself.
OWN = r"CREATE EXTENSION citus|SET citus\.|SELECT (\* FROM )?(citus_|create_(distributed|reference)_table|rebalance_table_shards)"


def blocks(name):
    """The SQL of a page: what follows `sql`, and the text."""
    text = (page.folder / name).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```$", text, flags=re.M | re.S)
    assert 2 * len(found) == len(re.findall(r"^```", text, flags=re.M)), f"{name}: a block without a language, or without an end"
    return [(kind.strip(), body.replace("/srv/indexes", str(files_of(name)))) for language, kind, body in found if language == "sql"]


def files_of(name):
    """The folder of a page's files."""
    return folder / f"{name}.files"


def statements(text):
    return [statement.strip() for statement in page.statements(text)]


def parse(session, text):
    """PL/pgSQL reads every statement of a body before it runs the first, which returns."""
    try:
        session.execute(f"DO $page$ BEGIN RETURN; {';'.join(part.replace('SELECT', 'PERFORM', 1) if part.startswith('SELECT') else part for part in statements(text))}; END $page$")
    except psycopg.Error as error:
        raise AssertionError(f"{text}\n{error}") from error


def sent(statement, names):
    """What of a statement reaches a shard or another node; nothing where it is the coordinator's."""
    inner = re.search(r"run_command_on_(shards|workers|all_nodes)\((?:'\w+', )?\$\$(.*?)\$\$\)", statement, flags=re.S)
    if inner:
        return inner[2].replace("%s", f"items_{FIRST}")
    if re.match(OWN, statement):
        return None
    return to_shard(statement, FIRST, names)


def run(session, statement):
    try:
        return session.execute(statement)
    except psycopg.Error as error:
        raise AssertionError(f"{statement}\n{error!r}") from error


def check(name):
    """Runs a page in a database of its own; how many statements of it ran as they are, were read, and were sent."""
    server = Server(name.partition(".")[0])
    server.start()
    files = files_of(name)
    files.mkdir()
    if user: subprocess.run(["chown", "nobody", files], check=True)
    counted = {"run": 0, "parsed": 0, "sent": 0}
    sql = blocks(name)
    remote = "\n".join(text for kind, text in sql if kind == "citus")
    names = set(re.findall(r"CREATE TABLE (?:\w+\.)?(\w+)", remote)) | set(re.findall(r"CREATE INDEX (\w+)", remote))
    with server.connect() as session:
        for kind, text in sql:
            assert kind in ("", "citus", "postgres_fdw"), f"{name}: a block of sql {kind}"
            if kind:
                parse(session, text)
                counted["parsed"] += len(statements(text))
            if kind == "postgres_fdw":
                # What it does is tested by cluster.py.
                continue
            for statement in statements(text):
                if not kind:
                    run(session, statement)
                    counted["run"] += 1
                elif part := sent(statement, names):
                    # The shard's replace('items_102008', …) names its index.
                    cursor = run(session, part)
                    counted["sent"] += 1
                    if "ORDER BY" in part and "LIMIT" in part:
                        assert cursor.fetchall(), part
    end(server)
    print(f"{name}: of its statements {counted['run']} run, {counted['parsed']} parsed, {counted['sent']} run as sent")


def citus():
    check("citus.md")


def operations():
    check("operations.md")


def postgres_index():
    check("postgres-index.md")


def foreign_tables():
    check("foreign-tables.md")


if __name__ == "__main__":
    main(citus, operations, postgres_index, foreign_tables)
