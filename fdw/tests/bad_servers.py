"""Servers that misbehave, each by name: bad_servers.py PORT FILES, in the database `bad_servers`.

A case is what the server answers to every request of its folder, and what the statement must say.
Whatever it is, the statement ends, and asks no more often than MOST, of a list no more than its
pages. A case that stalls is ended by statement_timeout, or by a cancel. A case of parts has a file that is
searched by ranges; once its server is sound, the same session has its answer."""

import glob, gzip, hashlib, itertools, os, socket, sys, threading, time
import psycopg

port, files = sys.argv[1], sys.argv[2]
FILE = open(f"{files}/things.hither", "rb").read()
OTHER = open(f"{files}/parts/part0.hither", "rb").read()
ROWS, HALF = 300, len(FILE) // 2
TAG = 'ETag: "' + hashlib.md5(FILE).hexdigest() + '"'
# Requests for one file in one statement; a request that is redirected is five more.
MOST, MOST_REDIRECTED, MOST_PAGES = 12, 72, 1001

CASES = {}


def case(expected, most=MOST, **options):
    def add(answer):
        CASES[answer.__name__] = (answer, expected, most, options)
        return answer
    return add


def head(status, *headers, version="HTTP/1.1"):
    return "\r\n".join([f"{version} {status} As Asked", *headers, "Connection: close", "", ""]).encode()


def whole(body, *headers, status=200):
    return head(status, f"Content-Length: {len(body)}", *headers) + body


def chunk(body):
    return b"%x\r\n%s\r\n" % (len(body), body)


CHUNKED = "Transfer-Encoding: chunked"

# Answers that are sound, if unusual.
@case(ROWS)
def sound(ask): return whole(FILE)
@case(ROWS)
def chunks(ask): return head(200, CHUNKED) + b"".join(chunk(FILE[at:at + 999]) for at in range(0, len(FILE), 999)) + b"0\r\n\r\n"
@case(ROWS)
def without_length(ask): return head(200) + FILE
@case(ROWS)
def http_1_0(ask): return head(200, version="HTTP/1.0") + FILE
@case(ROWS)
def chunks_of_a_byte_at_first(ask): return head(200, CHUNKED) + b"".join(chunk(FILE[at:at + 1]) for at in range(100)) + chunk(FILE[100:]) + b"0\r\n\r\n"
@case(ROWS)
def informed_before(ask): return b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + whole(FILE)
@case(ROWS)
def encoding_identity(ask): return whole(FILE, "Content-Encoding: identity")

# Statuses.
@case("answered 304 Not Modified to who has no version of it")
def not_modified(ask): return head(304)
@case("answered 304 Not Modified to who has no version of it")
def not_modified_with_a_tag(ask): return head(304, TAG)
@case("answered 304 Not Modified to who has no version of it", cached=True)
def not_modified_and_not_cached(ask): return head(304)
@case("answered 204 No Content to who asks for the whole file")
def no_content(ask): return head(204)
@case("answered 205 Reset Content to who asks for the whole file")
def reset_content(ask): return head(205, "Content-Length: 0")
@case("answered 201 Created to who asks for the whole file")
def created(ask): return whole(FILE, status=201)
@case("answered 206 Partial Content to who asks for the whole file")
def part_unasked(ask): return whole(FILE[:HALF], f"Content-Range: bytes 0-{HALF - 1}/{len(FILE)}", status=206)
@case("the server answered 300 Multiple Choices")
def choices(ask): return head(300, "Content-Length: 0", "Location: /sound/things.hither")
@case("the server answered 400 Bad Request")
def bad_request(ask): return whole(b"what?", status=400)
@case("the server refuses it")
def unauthorized(ask): return whole(b"who?", "WWW-Authenticate: Basic", status=401)
@case("the server refuses it")
def forbidden(ask): return whole(b"no", status=403)
@case("there is no index file")
def not_found(ask): return whole(b"where?", status=404)
@case("there is no index file")
def not_found_without_end(ask): return head(404, CHUNKED), itertools.repeat(chunk(b"x" * 65536))
@case("412 Precondition Failed")
def precondition_unasked(ask): return whole(b"", status=412)
@case("416 Range Not Satisfiable")
def range_unasked(ask): return whole(b"", status=416)
@case("the server answered 429 Too Many Requests")
def too_many(ask): return whole(b"later", "Retry-After: 100000", status=429)
@case("the server answered 500 Internal Server Error")
def broken(ask): return whole(b"oops", status=500)
@case("the server answered 503 Service Unavailable")
def unavailable_without_end(ask): return head(503, CHUNKED), itertools.repeat(chunk(b"x" * 65536))
@case("the server answered 999")
def unknown_status(ask): return head(999, "Content-Length: 0")

# Lengths and bytes.
@case("is not a hither index")
def empty(ask): return whole(b"")
@case("is not a hither index")
def empty_without_length(ask): return head(200)
@case("is not a hither index")
def a_page(ask): return whole(b"<!DOCTYPE html><title>Sign in</title>" + b" " * 2000)
@case("is not a hither index")
def a_page_without_end(ask): return head(200, CHUNKED), itertools.repeat(chunk(b"<p>sign in"))
@case("where its header says")
def length_of_another_file(ask): return whole(OTHER + bytes(len(FILE)))
@case("where its header says")
def length_of_a_terabyte(ask): return head(200, f"Content-Length: {1 << 40}") + FILE
@case("where its header says")
def length_of_the_start(ask): return whole(FILE[:100])
@case("could not get")
def length_is_a_word(ask): return head(200, "Content-Length: many") + FILE
@case("could not get")
def two_lengths(ask): return head(200, "Content-Length: 5", f"Content-Length: {len(FILE)}") + FILE
@case("could not get")
def length_below_nothing(ask): return head(200, "Content-Length: -1") + FILE
@case("the connection was cut")
def cut(ask): return whole(FILE)[:5000]
@case("the connection was cut")
def cut_at_the_start(ask): return whole(FILE)[:-len(FILE) + 30]
@case("bytes arrived")
def cut_without_length(ask): return head(200) + FILE[:5000]
@case("the connection was cut")
def cut_chunk(ask): return head(200, CHUNKED) + chunk(FILE)[:5000]
@case("could not get")
def chunks_of_no_number(ask): return head(200, CHUNKED) + b"zz\r\n" + FILE
@case("more arrives than")
def chunks_without_end(ask): return head(200, CHUNKED), itertools.chain([chunk(FILE)], itertools.repeat(chunk(bytes(65536))))
@case("more arrives than")
def a_byte_too_many(ask): return head(200) + FILE + b"x"
@case("checksum")
def a_bit_is_wrong(ask): return whole(FILE[:HALF] + bytes([FILE[HALF] ^ 1]) + FILE[HALF + 1:])
@case("could not get")
def no_http(ask): return b"SSH-2.0-OpenSSH_9.2\r\n"
@case("could not get")
def headers_without_end(ask): return b"HTTP/1.1 200 OK\r\n", (b"X-%d: x\r\n" % number for number in itertools.count())
@case("could not get")
def nothing_at_all(ask): return b""

# Encodings.
@case('compressed, in encoding "gzip"')
def compressed(ask): return whole(gzip.compress(FILE), "Content-Encoding: gzip")
@case('compressed, in encoding "br"')
def brotli(ask): return whole(FILE, "Content-Encoding: br")
@case("is not a hither index")
def compressed_in_transfer(ask): return head(200, "Transfer-Encoding: gzip") + gzip.compress(FILE)

# Ranges: the file is cut, and what is asked for next is answered otherwise.
def resumed(ask, *headers, status=206, body=None):
    if "range" not in ask:
        return whole(FILE, TAG)[:5000]
    first = int(ask["range"].split("=")[1].split("-")[0])
    body = FILE[first:] if body is None else body
    return head(status, f"Content-Length: {len(body)}", TAG, *[text.format(first=first, last=len(FILE) - 1, all=len(FILE)) for text in headers]) + body
@case(ROWS)
def range_right(ask): return resumed(ask, "Content-Range: bytes {first}-{last}/{all}")
@case("could not get")
def range_of_another_place(ask): return resumed(ask, "Content-Range: bytes 0-{last}/{all}", body=FILE[:100])
@case("could not get")
def range_of_another_length(ask): return resumed(ask, "Content-Range: bytes {first}-{last}/999999999", body=FILE[:100])
@case("could not get")
def range_without_place(ask): return resumed(ask)
@case("could not get")
def range_of_nonsense(ask): return resumed(ask, "Content-Range: pages ii-iv")
@case("could not get")
def range_past_the_end(ask): return resumed(ask, status=416, body=b"")
@case("could not get")
def range_of_another_version(ask): return resumed(ask, "Content-Range: bytes {first}-{last}/{all}").replace(TAG.encode(), b'ETag: "%d"' % ask["count"])
@case("could not get")
def range_cut_again(ask): return resumed(ask, "Content-Range: bytes {first}-{last}/{all}") if "range" not in ask else resumed(ask, "Content-Range: bytes {first}-{last}/{all}")[:300]
@case("checksum")
def range_of_other_bytes(ask): return resumed(ask, "Content-Range: bytes {first}-{last}/{all}") if "range" not in ask else resumed(ask, "Content-Range: bytes {first}-{last}/{all}").replace(FILE[-1000:], bytes(1000))
@case("could not get")
def range_unchanged(ask): return resumed(ask) if "range" not in ask else head(304, TAG)

# Redirections.
def to(where, status=302): return head(status, f"Location: {where}", "Content-Length: 0")
@case(ROWS, MOST_REDIRECTED)
def redirect(ask): return to("/sound/things.hither")
@case("too many redirections", MOST_REDIRECTED)
def redirect_to_itself(ask): return to("/redirect_to_itself/things.hither")
@case("too many redirections", MOST_REDIRECTED)
def redirect_to_ever_new(ask): return to(f"/redirect_to_ever_new/things.hither?{ask['count']}")
@case("it is elsewhere", MOST_REDIRECTED)
def redirect_to_nowhere(ask): return head(302, "Content-Length: 0")
@case("a redirection that is not followed", MOST_REDIRECTED)
def redirect_to_another_port(ask): return to(f"http://127.0.0.1:{elsewhere}/sound/things.hither", 307)
@case("a redirection that is not followed", MOST_REDIRECTED, host="localhost")
def redirect_to_another_port_by_name(ask): return to(f"http://localhost:{elsewhere}/sound/things.hither", 308)
@case("a redirection that is not followed", MOST_REDIRECTED)
def redirect_to_another_address(ask): return to(f"http://127.0.0.2:{elsewhere}/sound/things.hither")
@case("no address that may be contacted", MOST_REDIRECTED)
def redirect_to_this_machine(ask): return to(f"http://localhost:{elsewhere}/sound/things.hither")
@case("a redirection that is not followed", MOST_REDIRECTED)
def redirect_to_metadata(ask): return to("http://169.254.169.254/latest/meta-data")
@case("could not get", MOST_REDIRECTED)
def redirect_to_a_file(ask): return to("file:///etc/passwd")

# Stalls: only time ends them.
STALL = "canceling statement due to statement timeout"
def stalls(*sent): return b"".join(sent), iter(lambda: time.sleep(0.05) or b"", None)
@case(STALL, stall=True)
def stall_at_once(ask): return stalls()
@case(STALL, stall=True)
def stall_in_the_status(ask): return stalls(b"HTTP/1.1 2")
@case(STALL, stall=True)
def stall_in_the_headers(ask): return stalls(b"HTTP/1.1 200 OK\r\nContent-Le")
@case(STALL, stall=True)
def stall_at_the_body(ask): return stalls(head(200, f"Content-Length: {len(FILE)}"))
@case(STALL, stall=True)
def stall_in_the_body(ask): return stalls(whole(FILE)[:5000])
@case(STALL, stall=True)
def stall_in_a_chunk(ask): return stalls(head(200, CHUNKED), chunk(FILE)[:5000])
@case(STALL, stall=True)
def stall_at_the_end(ask): return stalls(head(200), FILE)
@case(STALL, stall=True)
def stall_informing(ask): return b"", iter(lambda: time.sleep(0.05) or b"HTTP/1.1 103 Early Hints\r\n\r\n", None)
@case(STALL, stall=True)
def trickle(ask): return whole(FILE)[:500], (time.sleep(0.05) or FILE[at:at + 1] for at in itertools.count(500))
@case("canceling statement due to user request", stall=True, cancel=True)
def stall_until_cancelled(ask): return stalls(whole(FILE)[:5000])

# Lists of S3.
def listed(*keys, more=None):
    objects = "".join(f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>x</ETag><Size>9</Size></Contents>" for key in keys)
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return whole(f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{objects}{token}</ListBucketResult>".encode())
@case("there is no index file", s3=True)
def list_of_nothing(ask): return listed()
@case("its list leads to the same page again", s3=True)
def list_of_one_page(ask): return listed(more="again")
@case("its list has more than 1000 pages", MOST_PAGES, s3=True)
def list_without_end(ask): return listed(more=f"page{ask['count']}")
@case("a page of its list has no end", s3=True)
def list_page_without_end(ask): return head(200, CHUNKED), itertools.repeat(chunk(b"<Contents/>" * 9999))
@case("there is no index file", s3=True)
def list_is_a_page(ask): return whole(b"<!DOCTYPE html><title>Sign in</title>")
@case("could not get", s3=True)
def list_refers_up(ask): return listed("a/../../b.hither")
@case(STALL, s3=True, stall=True)
def list_stalls(ask): return stalls(listed()[:90])
@case("the server answered 500", s3=True)
def list_broken(ask): return whole(b"oops", status=500)

# Parts: what is asked for by ranges, of which the first tells the version.
RANGED = open(f"{files}/ranged/things.hither", "rb").read()
RANGED_TAG = 'ETag: "ranged"'
NEAREST, MOST_PARTS = 5, 200
def parts(expected, **options): return case(expected, MOST_PARTS, parts=True, **options)
def bounds(ask):
    first, last = map(int, ask["range"].split("=")[1].split("-"))
    return first, min(last, len(RANGED) - 1)
def part(ask, *headers, tag=RANGED_TAG, at=None, all=len(RANGED), body=None):
    first, last = bounds(ask)
    body = RANGED[first:last + 1] if body is None else body
    first = first if at is None else at
    return head(206, f"Content-Length: {len(body)}", f"Content-Range: bytes {first}-{first + len(body) - 1}/{all}", tag, *headers) + body
def later(ask, answer): return answer() if "if-match" in ask else part(ask)
def seldom(ask, answer): return answer() if ask["count"] % 4 == 2 else part(ask)
@parts(NEAREST)
def parts_right(ask): return part(ask)
@parts("the server sends no parts of files")
def parts_whole(ask): return whole(RANGED, RANGED_TAG)
@parts("the server sends no parts of files")
def parts_whole_later(ask): return later(ask, lambda: whole(RANGED, RANGED_TAG))
@parts("the connection was cut")
def parts_cut(ask): return later(ask, lambda: part(ask)[:-3])
@parts(NEAREST)
def parts_cut_at_times(ask): return seldom(ask, lambda: part(ask)[:-3])
@parts("could not get")
def parts_of_another_place(ask): return later(ask, lambda: part(ask, at=0))
@parts("was replaced by another file")
def parts_of_another_version(ask): return later(ask, lambda: part(ask, tag='ETag: "other"'))
@parts("was replaced by another file")
def parts_of_another_length(ask): return later(ask, lambda: part(ask, all=len(RANGED) + 1))
@parts("was replaced by another file")
def parts_of_none(ask): return later(ask, lambda: head(412, "Content-Length: 0"))
@parts("checksum")
def parts_with_a_wrong_bit(ask): return later(ask, lambda: part(ask, body=bytes(byte ^ 1 for byte in RANGED[bounds(ask)[0]:bounds(ask)[1] + 1])))
@parts("it sends more than")
def parts_without_end(ask): return later(ask, lambda: (part(ask).replace(b"Content-Length", b"X-Length"), itertools.repeat(bytes(65536))))
@parts("429 Too Many Requests")
def parts_too_many(ask): return later(ask, lambda: whole(b"later", "Retry-After: 100000", status=429))
@parts(NEAREST)
def parts_too_many_at_times(ask): return seldom(ask, lambda: whole(b"later", "Retry-After: 0", status=429))
@parts("500 Internal Server Error")
def parts_broken(ask): return later(ask, lambda: whole(b"oops", status=500))
@parts(NEAREST)
def parts_broken_at_times(ask): return seldom(ask, lambda: whole(b"oops", status=500))
@parts("there is no index file")
def parts_gone(ask): return later(ask, lambda: whole(b"where?", status=404))
@parts("could not get")
def parts_unchanged(ask): return later(ask, lambda: head(304, RANGED_TAG))
@parts("could not get")
def parts_past_the_end(ask): return later(ask, lambda: head(416, "Content-Length: 0", f"Content-Range: bytes */{len(RANGED)}"))
@parts("was replaced by another file")
def parts_past_another_end(ask): return later(ask, lambda: head(416, "Content-Length: 0", "Content-Range: bytes */9"))
@parts("compressed")
def parts_compressed(ask): return later(ask, lambda: part(ask, "Content-Encoding: gzip"))
@parts("where its header says")
def parts_of_a_file_that_is_cut(ask): return part(ask, body=RANGED[:1000], all=1000)
@parts("is not a hither index")
def parts_of_a_page(ask): return part(ask, body=b"<!DOCTYPE html><title>Sign in</title>" + b" " * 2000, all=2037)
@parts(STALL, stall=True)
def parts_stall(ask): return later(ask, lambda: stalls(part(ask)[:-3]))
@parts(STALL, stall=True)
def parts_stall_at_first(ask): return stalls(part(ask)[:-3])
@parts("canceling statement due to user request", stall=True, cancel=True)
def parts_stall_until_cancelled(ask): return later(ask, lambda: stalls(part(ask)[:-3]))

requests, lock = {}, threading.Lock()


def serve(connection):
    try:
        connection.settimeout(300)
        text = b""
        while b"\r\n\r\n" not in text:
            received = connection.recv(65536)
            if not received:
                return
            text += received
        first, *lines = text.decode().split("\r\n")
        name = first.split()[1].split("/")[1].split("?")[0]
        ask = {line.split(":")[0].lower(): line.split(": ", 1)[1] for line in lines if ": " in line}
        with lock:
            ask["count"] = requests[name] = requests.get(name, 0) + 1
        answer = CASES[name][0](ask)
        start, more = answer if isinstance(answer, tuple) else (answer, ())
        connection.sendall(start)
        for piece in more:
            if not piece and connection.fileno() < 0:
                return
            connection.sendall(piece)
            if not piece:
                # A peer that is gone is known by what it sends.
                connection.settimeout(0.01)
                try:
                    if connection.recv(1) == b"":
                        return
                except TimeoutError:
                    connection.settimeout(300)
    except OSError:
        pass
    finally:
        connection.close()


def listen():
    server = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept():
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


here, elsewhere = listen(), listen()


def connect():
    return psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="bad_servers", autocommit=True)


def run(session, name):
    """The error of the statement or the rows, and how often the server was asked; the same of the
    view that looks at the files."""
    answer, _, _, options = CASES[name]
    if options.get("s3"):
        location = f"s3://{name}/*.hither"
    else:
        location = f"http://{options.get('host', '127.0.0.1')}:{here}/{name}/things.hither"
    table, statement = "t", "SELECT count(*) FROM t"
    if options.get("parts"):
        table, statement = "p", "SELECT count(*) FROM (SELECT id FROM p ORDER BY embedding <-> '[1,2,3]' LIMIT 5) AS found"
    session.execute(f"ALTER FOREIGN TABLE {table} OPTIONS (SET location '{location}')")
    if options.get("cached"):
        # Cached once, and then its file is removed: what is asked next has nothing to compare with.
        CASES[name] = (lambda ask: whole(FILE, TAG), *CASES[name][1:])
        session.execute("SELECT count(*) FROM t")
        CASES[name] = (answer, *CASES[name][1:])
        [os.remove(path) for path in glob.glob(f"{cache}/*.hither")]
        requests.pop(name)
    over = threading.Event()

    def cancel():
        # What comes before the server was asked is no case of it.
        while not over.wait(0.4):
            if requests.get(name): session.cancel()
    canceller = threading.Thread(target=cancel)
    if options.get("cancel"):
        canceller.start()
    # A busy machine may not get to ask in the first of these.
    for timeout in (400, 2000, 10000, 50000) if options.get("stall") and not options.get("cancel") else (300000,):
        session.execute(f"SET statement_timeout = {timeout}")
        try:
            result = session.execute(statement).fetchone()[0]
        except psycopg.Error as error:
            result = str(error)
        if requests.get(name):
            break
    over.set()
    if options.get("cancel"):
        canceller.join()
    asked = requests.pop(name, 0)
    try:
        looked = session.execute("SELECT last_error FROM hither.shards").fetchall()
    except psycopg.Error as error:
        looked = str(error)
    session.execute("RESET statement_timeout")
    if options.get("parts"):
        CASES[name] = (part, *CASES[name][1:])
        again = session.execute(statement).fetchone()[0]
        assert again == NEAREST, f"{name}: {again} rows of a server that is sound by now"
        session.execute("ALTER FOREIGN TABLE p OPTIONS (SET location '/')")
    return result, asked, looked, requests.pop(name, 0)


with connect() as session:
    cache = session.execute("SHOW data_directory").fetchone()[0] + "/bad_servers"
    for statement in ["CREATE EXTENSION hither CASCADE",
                      f"CREATE SERVER bad FOREIGN DATA WRAPPER hither OPTIONS (endpoint 'http://127.0.0.1:{here}', allow_http 'on')",
                      "CREATE FOREIGN TABLE t (id bigint) SERVER bad OPTIONS (location '/')",
                      "CREATE FOREIGN TABLE p (id bigint, embedding vector(3)) SERVER bad OPTIONS (location '/', fetch 'range')",
                      f"SET hither.cache_directory = '{cache}'", "SET hither.max_age = 0"]:
        session.execute(statement)
    wrong = []
    for name, (_, expected, most, _) in CASES.items():
        result, asked, looked, asked_by_view = run(session, name)
        right = result == expected if isinstance(expected, int) else expected in str(result)
        if not right:
            wrong.append(f"{name}: {result!r}, not {expected!r}")
        if not 1 <= asked <= most or asked_by_view > most:
            wrong.append(f"{name}: {asked} and {asked_by_view} requests, at most {most}")
        if isinstance(looked, str) and looked not in str(result):
            wrong.append(f"{name}: the view fails: {looked}")
    assert not wrong, "\n" + "\n".join(wrong)
    assert len(CASES) >= 40
    print(f"bad servers: {len(CASES)} of them, each with its error and few requests")
