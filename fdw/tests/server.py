"""An HTTP server of this machine that misbehaves as asked: server.py FOLDER PORT

/KIND/NAME answers with FOLDER/NAME:
  ranges   as a good server does: ETag, Range, If-Match, If-None-Match
  plain    Last-Modified only; Range is ignored
  cut      like ranges, but an answer ends after 20,000 bytes
  hang     like ranges, but after 10,000 bytes nothing comes, until FOLDER/mended exists
  torn     like plain, but the answer ends after 10,000 bytes, until FOLDER/mended exists
  silent   never answers
  status   with the status NAME
  html     with a page
  basic    like ranges, for who is me:hush;  signed, for who knows sig=hush
  moved    redirects to /ranges/NAME;  away, to an address of this machine;  metadata, to a cloud's
Every request is a line in FOLDER/requests: KIND NAME, Range, conditions, status.
"""
import email.utils, hashlib, http.server, os, re, sys, time

folder, port = sys.argv[1], int(sys.argv[2])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, status):
        asked = [name + "=" + re.sub(r'".*"', '"…"', self.headers[name])
                 for name in ("Range", "If-Match", "If-None-Match") if self.headers[name]]
        asked += [name for name in ("If-Modified-Since", "If-Unmodified-Since", "Authorization")
                  if self.headers[name]]
        with open(f"{folder}/requests", "a") as file:
            file.write(" ".join([self.path, *asked, "->", str(status)]) + "\n")

    def answer(self, status, body=b"", **headers):
        self.note(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.get("length", len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        _, kind, name = path.split("/", 2)
        if kind == "silent":
            self.note("nothing")
            time.sleep(120)
            return
        if kind == "status":
            return self.answer(int(name), b"<Error><Key>AKIASECRET</Key></Error>")
        if kind == "basic" and self.headers["Authorization"] != "Basic bWU6aHVzaA==":
            return self.answer(401)
        if kind == "signed" and query != "sig=hush":
            return self.answer(403)
        if kind == "html":
            return self.answer(200, b"<!DOCTYPE html><title>Sign in</title>" + b" " * 200)
        if kind in ("moved", "away", "metadata"):
            host = {"moved": "", "away": f"http://127.0.0.2:{port}", "metadata": "http://169.254.169.254"}
            return self.answer(302, Location=f"{host[kind]}/ranges/{name}")
        try:
            with open(f"{folder}/{name}", "rb") as file:
                body, modified = file.read(), os.fstat(file.fileno()).st_mtime
        except OSError:
            return self.answer(404, b"no such file")
        etag = '"' + hashlib.md5(body).hexdigest() + '"'
        date = email.utils.formatdate(modified, usegmt=True)
        status, headers = 200, {"ETag": etag, "Last_Modified": date}
        if kind in ("plain", "torn"):
            if self.headers["If-Modified-Since"] == date:
                return self.answer(304)
            del headers["ETag"]
        else:
            if self.headers["If-None-Match"] == etag:
                return self.answer(304, ETag=etag)
            if self.headers["If-Match"] not in (None, etag):
                return self.answer(412)
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
            if match:
                first, last = int(match[1]), min(int(match[2] or len(body)), len(body) - 1)
                status = 206
                headers["Content_Range"] = f"bytes {first}-{last}/{len(body)}"
                body = body[first:last + 1]
        mended = os.path.exists(f"{folder}/mended")
        if kind == "cut" or (kind in ("hang", "torn") and not mended):
            self.note(status)
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header.replace("_", "-"), value)
            self.send_header("Content-Length", len(body))
            self.end_headers()
            self.wfile.write(body[:20_000 if kind == "cut" else 10_000])
            self.wfile.flush()
            if kind == "hang":
                time.sleep(120)
            self.close_connection = True
            return
        self.answer(status, body, **headers)


http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
