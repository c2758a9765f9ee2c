#!/usr/bin/python3
"""A registry with one image of very large layers, and a sink for whatever is pushed: neither keeps a byte, so that the size of the
layers does not matter to the machine. A layer is zeros (a sparse file) that end in the layer's number.

    bench/sparse_registry.py LAYERS BYTES DIRECTORY

Serves docker://127.0.0.1:PORT/image:1 and swallows pushes to any repository. DIRECTORY gets the sparse files. Prints its port on
a line, runs until its standard input ends, and prints as JSON what it has counted: "received", the bytes that were pushed, and the
requests by method."""
import hashlib
import http.server
import json
import os
import pathlib
import sys
import threading
from collections import Counter

TAIL = 4096
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class Image:
    def __init__(self, layers, size, directory):
        self.files, described = {}, []
        zeros = hashlib.sha256()
        piece = bytes(1 << 20)
        left = size - TAIL
        while left > 0:
            zeros.update(piece[: min(left, len(piece))])
            left -= len(piece)
        for number in range(layers):
            tail = number.to_bytes(TAIL, "big")
            whole = zeros.copy()
            whole.update(tail)
            path = directory / f"layer-{number}"
            with open(path, "wb") as file:
                file.seek(size - TAIL)
                file.write(tail)
            described.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{whole.hexdigest()}",
                              "size": size})
            self.files[described[-1]["digest"]] = path
        config = json.dumps({"os": "linux", "architecture": "amd64",
                             "rootfs": {"type": "layers", "diff_ids": list(self.files)}}).encode()
        config_digest = "sha256:" + hashlib.sha256(config).hexdigest()
        (directory / "config").write_bytes(config)
        self.files[config_digest] = directory / "config"
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "layers": described,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": len(config)},
        }).encode()
        self.digest = "sha256:" + hashlib.sha256(self.manifest).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    image = None
    counts, lock = Counter(), threading.Lock()

    def log_message(self, *_):
        pass

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.count(self.command)
        name = self.path.partition("?")[0].rpartition("/")[2]
        if self.path == "/v2/":
            return self.answer(200)
        if not self.path.startswith("/v2/image/"):
            return self.answer(404)
        if "/manifests/" in self.path:
            return self.answer(200, (("Content-Type", MANIFEST_TYPE), ("Docker-Content-Digest", self.image.digest)),
                               self.image.manifest)
        path = self.image.files.get(name)
        if path is None:
            return self.answer(404)
        self.send_response(200)
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        if self.command == "GET":
            self.wfile.flush()
            with open(path, "rb") as file:
                self.connection.sendfile(file)

    do_HEAD = do_GET

    def do_POST(self):
        self.swallow()
        self.answer(202, (("Location", self.path.partition("?")[0].rstrip("/") + "/session"),))

    def do_PATCH(self):
        self.swallow()
        self.answer(202, (("Location", self.path.partition("?")[0]),))

    def do_PUT(self):
        headers = [("Location", self.path.partition("?")[0])]
        if "/manifests/" in self.path:
            self.count("PUT")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.count("received", len(body))
            headers.append(("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest()))
        else:
            self.swallow()
        self.answer(201, headers)

    do_DELETE = do_PUT

    def swallow(self):
        self.count(self.command)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                self.swallow_bytes(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.swallow_bytes(int(self.headers.get("Content-Length", 0)))

    def swallow_bytes(self, size):
        left = size
        buffer = memoryview(bytearray(min(size, 1 << 20)))
        while left > 0:
            count = self.rfile.readinto1(buffer[: min(left, len(buffer))])
            if count == 0:
                break
            left -= count
        self.count("received", size - left)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that went away is none of ours."""


def main():
    layers, size, directory = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    Handler.image = Image(layers, size, directory)
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    print(json.dumps(Handler.counts), flush=True)
    os._exit(0)  # not waiting for transfers under way


if __name__ == "__main__":
    main()
