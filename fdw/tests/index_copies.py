"""The folder of near copies is removed, damaged, unwritable, full: the answers are the same."""

import os, shutil, subprocess, time
from index_server import Load, NEAR, SECONDS, SEED, Server, TABLES, compare, compare_all, end, merge, near_copies, rows, set_up, settle, until, user


def own_folder():
    # Who makes copies of its own accord would be in the way of a fault.
    server = Server("copies", autovacuum="off")
    server.start()
    set_up(server)
    with server.connect() as session:
        merge(session)
    near = server.data / NEAR

    def files():
        return [near / name for name in near_copies(server)]

    def overwrite(path, at, bytes):
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(bytes)

    def halve(path):
        os.truncate(path, os.path.getsize(path) // 2)

    def as_folder(path):
        path.unlink()
        path.mkdir()

    def each(do): return lambda: [do(path) for path in files()]
    def remove(): shutil.rmtree(near)
    def replace(): shutil.rmtree(near); near.touch()
    stopped = {
        "removed": remove, "a file in its place": replace, "a folder above that is a file": lambda: (shutil.rmtree(near.parent), near.parent.touch()),
        "cut": each(halve), "empty": each(lambda path: os.truncate(path, 0)),
        "a bit flipped at the start": each(lambda path: overwrite(path, 20, b"\xff")),
        "overwritten in the middle": each(lambda path: overwrite(path, os.path.getsize(path) // 2, bytes(range(64)))),
        "overwritten at the end": each(lambda path: overwrite(path, os.path.getsize(path) - 9, b"no index!")),
        "longer": each(lambda path: overwrite(path, os.path.getsize(path), b"x")),
        "others' bytes": each(lambda path: path.write_bytes(os.urandom(os.path.getsize(path)))),
    }
    running = {
        "removed": remove, "a folder under its name": each(as_folder), "cannot be read": each(lambda path: path.chmod(0)),
        "read-only": lambda: (remove(), near.mkdir(), near.chmod(0o555)), "closed": lambda: near.chmod(0),
        "links to nothing": each(lambda path: (path.unlink(), path.symlink_to("nowhere"))),
    }

    def mend():
        with server.connect() as session:
            settle(session)
        if near.parent.is_dir() and near.is_dir(): near.chmod(0o755)
        shutil.rmtree(near.parent, ignore_errors=True)
        near.parent.unlink(missing_ok=True)
        compare_all(server)

    for name, do in stopped.items():
        server.stop()
        do()
        if user and near.parent.exists(): subprocess.run(["chown", "-R", "nobody", near.parent], check=True)
        server.start()
        go_on(server, f"stopped, {name}")
        mend()
    for name, do in running.items():
        with server.connect() as before:
            compare(before, "items", 8)
            settle(before)
            do()
            compare(before, "items", 8)
            go_on(server, f"running, {name}")
            compare(before, "items", 8)
        mend()
    # Full: no file of this backend may have more than so many bytes.
    with server.connect() as session:
        settle(session)
    shutil.rmtree(near)
    for limit in (0, 5000, 20000):
        with server.connect() as session:
            pid = rows(session, "SELECT pg_backend_pid()")[0][0]
            subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={limit}"], check=True, **user)
            for table, dimensions in TABLES.items():
                compare(session, table, dimensions)
    # One that is made in the background has such a name for a moment.
    until(lambda: not [name for name in near_copies(server) if name.endswith(".tmp")], lambda: str(near_copies(server)))
    # Removed again and again while others search and merge.
    load, end_at = Load(server, 4, SEED), time.monotonic() + SECONDS / 2
    while time.monotonic() < end_at and not load.problems:
        shutil.rmtree(near, ignore_errors=True)
        time.sleep(0.002)
    load.end()
    compare_all(server)
    end(server)
    print(f"copies: {len(stopped) + len(running) + 1} faults of their folder, every answer right")


def go_on(server, what):
    try:
        compare_all(server)
        with server.connect() as session:
            session.execute("INSERT INTO items (v) SELECT point(i, 8)::vector FROM generate_series(1, 600) AS i; "
                            "DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY id LIMIT 600)")
            session.execute("VACUUM items")
        compare_all(server)
    except Exception as error:
        raise AssertionError(f"near copies, {what}: {error!r}") from error
