#!/usr/bin/python3
"""A registry with one repository of very many tags, all in memory, for what docker-registry is too slow to show: it lists its
tags from one directory each.

    bench/many_tags.py TAGS full|empty distinct|same

full: the repository "app" has the tags v0 to v(TAGS - 1); empty: it is not there and may be pushed to. distinct: each tag has
another digest (to be asked for with HEAD only); same: all tags name one tiny image, which can be fetched. Prints its port on a
line, then counts requests until its standard input ends, and prints the counts as JSON."""
import hashlib
import json
import select
import socket
import sys
import urllib.parse
from collections import Counter

PAGE = 1000
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class TinyImage:
    def __init__(self):
        config = b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}'
        layer = b"layer" * 200
        self.blobs = {digest_of(blob): blob for blob in (config, layer)}
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(layer), "size": len(layer)}],
        }).encode()
        self.digest = digest_of(self.manifest)


class Registry:
    def __init__(self, tags, full, same):
        self.image, self.same = TinyImage(), same
        self.tags = [f"v{number}" for number in range(tags)] if full else []
        self.known = set(self.tags)
        self.blobs = dict(self.image.blobs) if full else {}
        self.counts = Counter()

    def answer(self, method, target, body):
        path, _, query = target.partition("?")
        if path.startswith("/v2/app/manifests/"):
            return self.manifest(method, path.rpartition("/")[2], body)
        if path.startswith("/v2/app/blobs/"):
            return self.blob(method, path.rpartition("/")[2], urllib.parse.parse_qs(query), body)
        if path == "/v2/app/tags/list":
            return self.list_tags(urllib.parse.parse_qs(query))
        if path == "/v2/_catalog":
            return response(200, b'{"repositories":["app"]}' if self.tags else b'{"repositories":[]}')
        return response(200, b"{}") if path == "/v2/" else response(404)

    def list_tags(self, query):
        if not self.tags:
            return response(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
        start = int(query["last"][0][1:]) + 1 if "last" in query else 0
        page = self.tags[start : start + PAGE]
        link = f'Link: </v2/app/tags/list?last={page[-1]}&n={PAGE}>; rel="next"\r\n' if start + PAGE < len(self.tags) else ""
        return response(200, json.dumps({"name": "app", "tags": page}).encode(), link)

    def manifest(self, method, reference, body):
        if method == "PUT":
            self.known.add(reference)
            return response(201, b"", f"Docker-Content-Digest: {digest_of(body)}\r\n")
        if reference not in self.known and reference != self.image.digest or not self.known:
            return response(404)
        digest = self.image.digest if self.same else digest_of(reference.encode())
        headers = f"Docker-Content-Digest: {digest}\r\nContent-Type: {MANIFEST_TYPE}\r\n"
        return response(200, self.image.manifest, headers, bodiless=method == "HEAD")

    def blob(self, method, name, query, body):
        if method in ("GET", "HEAD"):
            blob = self.blobs.get(name)
            return response(404) if blob is None else response(200, blob, bodiless=method == "HEAD")
        if "digest" in query:
            self.blobs[query["digest"][0]] = body
            return response(201, b"", f"Docker-Content-Digest: {query['digest'][0]}\r\n")
        return response(202, b"", "Location: /v2/app/blobs/uploads/session\r\n")


def response(status, body=b"", headers="", bodiless=False):
    head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode()
    return head if bodiless else head + body


def take_request(data):
    """(method, target, body) of the first request in `data`, which it is removed from, or None where it is not whole."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    method, target, _ = data[: data.index(b"\r\n")].decode("latin-1").split(" ")
    length = 0
    if method not in ("GET", "HEAD"):
        for line in bytes(data[:end]).lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
    if len(data) < end + 4 + length:
        return None
    body = bytes(data[end + 4 : end + 4 + length])
    del data[: end + 4 + length]
    return method, target, body


def serve(registry, listener):
    """Answers fit the sockets' buffers: they are sent at once."""
    epoll, connections = select.epoll(), {}
    for watched in (listener, sys.stdin):
        epoll.register(watched, select.EPOLLIN)
    while True:
        for number, _ in epoll.poll():
            if number == sys.stdin.fileno():
                return
            if number == listener.fileno():
                connection = listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection, bytearray()
                epoll.register(connection, select.EPOLLIN)
                registry.counts["connections"] += 1
                continue
            connection, data = connections[number]
            try:
                received = connection.recv(1 << 16)
                data += received
                if not data[:1].isupper():  # a TLS greeting: told apart by an answer that is none of TLS
                    connection.sendall(response(400))
                    received = b""
                while received and (request := take_request(data)):
                    registry.counts[request[0]] += 1
                    connection.sendall(registry.answer(*request))
            except OSError:
                received = b""
            if not received:
                del connections[number]
                connection.close()


def main():
    tags, full, same = int(sys.argv[1]), sys.argv[2] == "full", sys.argv[3] == "same"
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    registry = Registry(tags, full, same)
    serve(registry, listener)
    print(json.dumps(registry.counts), flush=True)


if __name__ == "__main__":
    main()
