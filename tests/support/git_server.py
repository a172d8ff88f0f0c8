"""A git server that clients reach under any host name, through a proxy on loopback."""

import gzip
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.serving.certificates import Authority


@contextmanager
def serving(repository: Path, address: str, folder: Path) -> Iterator[dict[str, str]]:
    """Serve a repository at its public address; gives the variables that lead clients there."""
    authority = Authority.create(folder)
    pair = authority.issue("git", urlsplit(address).hostname or "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert_file, pair.key_file)

    class Handler(BaseHTTPRequestHandler):
        """The proxy's CONNECT, and in the tunnel git's smart protocol over HTTP."""

        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if self.path != f"{urlsplit(address).hostname}:443":
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def do_GET(self) -> None:
            head = b"001e# service=git-upload-pack\n0000"
            self._answer("info/refs", head + self._upload_pack("--http-backend-info-refs"))

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                sent = gzip.decompress(sent)
            self._answer("git-upload-pack", self._upload_pack("--stateless-rpc", sent=sent))

        def _upload_pack(self, *options: str, sent: bytes = b"") -> bytes:
            command = ["git", "upload-pack", *options, str(repository)]
            return subprocess.run(command, input=sent, capture_output=True, check=False).stdout

        def _answer(self, end: str, body: bytes) -> None:
            path = self.path.partition("?")[0].replace(".git/", "/")
            found = path == f"{urlsplit(address).path}/{end}"
            kind = "advertisement" if end == "info/refs" else "result"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
            self.send_header("Content-Length", str(len(body) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(body)

        def finish(self) -> None:
            super().finish()
            self.connection.close()  # the tunnel's; the server closes the one that it was made of

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{server.server_port}",
            "SSL_CERT_FILE": str(authority.ca_file),
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
