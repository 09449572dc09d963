"""What sessions see of each other by an index: index_isolation.py BIN FOLDER

isolationtester of the PostgreSQL in BIN runs each isolation/*.spec, which must print what lies beside it as .out, and
UPDATE=1 writes that. A spec has a row's distances differ from all others, so that their order is one."""

import difflib, os, pathlib, subprocess, sys
import psycopg
from index_server import Server, end, environment, folder, main, run, user


def isolation():
    tester = pathlib.Path(run("pg_config", "--pgxs").stdout.decode().strip()).parents[1] / "test/isolation/isolationtester"
    server = Server("isolation", max_prepared_transactions=10, autovacuum="off")
    server.start()
    with server.connect() as session:
        session.execute("CREATE EXTENSION hither CASCADE")
    address = f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres"
    wrong, count = [], 0
    for spec in sorted((pathlib.Path(__file__).parent / "isolation").glob("*.spec")):
        got = subprocess.run([tester, address], stdin=spec.open(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, env=environment, cwd=folder, timeout=1800, **user).stdout
        expected = spec.with_suffix(".out")
        if os.environ.get("UPDATE"):
            expected.write_text(got)
        lines = [text.splitlines(keepends=True) for text in (expected.read_text(), got)]
        wrong += difflib.unified_diff(*lines, str(expected.name), "got")
        count += got.count("starting permutation")
    end(server)
    assert not wrong, "".join(wrong)
    print(f"isolation: {count} orders of what sessions do, each with the answers expected")


if __name__ == "__main__":
    main(isolation)
