"""An API server for trial Pods, and kubeconfigs that lead to it."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from irsa_core.identity.eks import CREDENTIALS_URI_VARIABLE

TEMPLATE = {
    "metadata": {"labels": {"app": "s3-app"}, "annotations": {"example.com/inject": "true"}},
    "spec": {"serviceAccountName": "s3-app", "containers": [{"name": "app", "image": "app"}]},
}


def kubeconfig(server: str = "https://127.0.0.1:1", ca: str | None = None, **user: Any) -> str:
    context, cluster = {"cluster": "dev", "user": "deployer"}, {"server": server}
    cluster |= {"certificate-authority": ca} if ca else {}
    config = {"current-context": "dev", "users": [{"name": "deployer", "user": user}]}
    config |= {"contexts": [{"name": "dev", "context": context}]}
    return json.dumps(config | {"clusters": [{"name": "dev", "cluster": cluster}]})


def exec_user(*words: str) -> dict[str, Any]:
    """Return the user of a kubeconfig whose command these words are."""
    version = "client.authentication.k8s.io/v1beta1"
    return {"exec": {"apiVersion": version, "command": words[0], "args": [*words[1:]]}}


def command(*words: str) -> str:
    return kubeconfig(**exec_user(*words))


@dataclass
class Tried:
    """An API server that gives all Pods the credentials, and the requests that it had."""

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)
    """Status codes and bodies of its first answers, in place of a Pod's."""
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def authorizations(self) -> list[str | None]:
        return [each["headers"]["Authorization"] for each in self.requests]

    @property
    def pods(self) -> list[Any]:
        return [each["pod"] for each in self.requests]


@contextmanager
def api_server(tls: ssl.SSLContext | None = None) -> Iterator[Tried]:
    tried = Tried()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pod = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = {"path": self.path, "headers": self.headers, "pod": json.loads(json.dumps(pod))}
            tried.requests.append(asked)
            variable = {"name": CREDENTIALS_URI_VARIABLE, "value": "http://169.254.170.23"}
            pod["spec"]["containers"][0]["env"] = [variable]
            code, body = tried.answers.pop(0) if tried.answers else (201, json.dumps(pod))
            self.send_response(code)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        tried.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tried
        server.shutdown()
