"""A git server that clients reach at a repository's public address, by a proxy on loopback."""

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from irsa_sandbox.serving.certificates import Authority
from tests.support.processes import ran


@contextmanager
def serving(repository: Path, address: str, folder: Path) -> Iterator[dict[str, str]]:
    """Serve a repository; gives the variables that lead clients there, and nowhere else."""
    host, path = urlsplit(address).hostname or "", urlsplit(address).path
    authority = Authority.create(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("git", host))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if self.path != f"{host}:443":
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def do_GET(self) -> None:
            asked, _, query = self.path.partition("?")
            variables = {
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "GIT_HTTP_EXPORT_ALL": "",
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "PATH_TRANSLATED": asked.replace(".git/", "/").replace(path, f"{repository}/.git"),
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
            }
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            env = {**os.environ, **variables}
            done: Any = ran("git", "http-backend", env=env, input=sent, text=False)
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            length = f"Content-Length: {len(body)}\r\n".encode()
            status = b"404 Not Found" if head.startswith(b"Status: ") else b"200 OK"
            self.wfile.write(b"HTTP/1.1 %b\r\n%b\r\n%b\r\n%b" % (status, head, length, body))

        do_POST = do_GET  # noqa: N815

        def finish(self) -> None:
            super().finish()
            self.connection.close()  # the tunnel's; the server closes the one below it

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = f"http://127.0.0.1:{server.server_port}"
        yield {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(authority.ca_file)}
        server.shutdown()
