# To be sourced: servers of this machine that the tests ask for files.
#   servers_start FOLDER FILES   S3 (moto, in a venv) and HTTP (server.py), which serves FOLDER;
#                                both have the index FILES; sets $web_port and $s3_port
#   servers_stop
# Needs scripts/postgres.sh.

moto='moto[server]==5.2.5'

servers_start() {
    if [ ! -f "$CARGO_TARGET_DIR/moto/installed" ]; then
        echo "installing $moto" >&2
        python3 -m venv "$CARGO_TARGET_DIR/moto"
        "$CARGO_TARGET_DIR/moto/bin/pip" install -q --retries 10 --timeout 60 "$moto"
        touch "$CARGO_TARGET_DIR/moto/installed"
    fi
    mkdir -p "$1"
    cp "$2"/*.hither "$2"/parts/*.hither "$1"
    cp -r "$2/ranged" "$1"
    # Another program may take a port that was free a moment ago.
    for attempt in 1 2 3; do
        web_port=$(free_port)
        python3 "$repository/fdw/tests/server.py" "$1" "$web_port" >"$1/log" 2>&1 &
        web_server=$!
        s3_port=$(free_port)
        "$CARGO_TARGET_DIR/moto/bin/moto_server" -H 127.0.0.1 -p "$s3_port" >"$1/s3.log" 2>&1 &
        s3_server=$!
        servers_fill "$1" && return
        servers_stop
    done
    cat "$1/log" "$1/s3.log" >&2
    fail "the servers of files do not answer"
}

# Waits until both answer, and puts files there; false if one ended, or does not in three minutes.
servers_fill() {
    python3 - "$1" "$web_port" "$s3_port" "$web_server" "$s3_server" <<'PY' || return 1
import sys, time, urllib.request
folder, web, s3, *processes = sys.argv[1:]
def put(path, file=None, **headers):
    body = open(f"{folder}/{file}", "rb").read() if file else b""
    headers = {"Content-Type": "application/octet-stream", **headers}
    request = urllib.request.Request(f"http://127.0.0.1:{s3}/{path}", body, headers, method="PUT")
    urllib.request.urlopen(request, timeout=120).read()
def is_over(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True
begun = time.monotonic()
while True:
    try:
        put("bucket")
        urllib.request.urlopen(f"http://127.0.0.1:{web}/plain/things.hither", timeout=120).read()
        break
    except OSError:
        if time.monotonic() - begun > 180 or any(map(is_over, processes)):
            sys.exit(1)
        time.sleep(0.1)
# One that everybody may read; the others want a key.
put("bucket/open/things.hither", "things.hither", **{"x-amz-acl": "public-read"})
for part in range(3):
    put(f"bucket/parts/part{part}.hither", f"part{part}.hither")
    put(f"bucket/ranged/part{part}.hither", f"ranged/part{part}.hither")
put("bucket/parts/notes.txt", "text.hither")
put("bucket/top.hither", "things.hither")
# A bit of a vector, which only checksums tell.
body = bytearray(open(f"{folder}/things.hither", "rb").read())
body[len(body) // 2] ^= 16
open(f"{folder}/flipped.hither", "wb").write(body)
PY
    rm "$1/requests"
}

servers_stop() {
    kill "$web_server" "$s3_server" || true
}
