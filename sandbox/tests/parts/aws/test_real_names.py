"""AWS's services under their own host names, through a proxy that leads nowhere else."""

import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from irsa_sandbox.serving import tunnel
from tests.sandbox.support.aws_harness import BUCKET, HOSTS, Aws

pytestmark = pytest.mark.sandbox


def asked_of(client: Any) -> list[str]:
    """The URLs that a client asks from now on."""
    urls: list[str] = []
    client.meta.events.register("before-send", lambda request, **_: urls.append(request.url))
    return urls


def test_a_bucket_is_a_host_of_its_own(aws: Aws):
    s3 = aws.administrator()("s3")
    urls = asked_of(s3)

    s3.put_object(Bucket=BUCKET, Key="report/x", Body=b"1")
    assert s3.get_object(Bucket=BUCKET, Key="report/x")["Body"].read() == b"1"

    assert urls == [f"https://{BUCKET}.s3.amazonaws.com/report/x"] * 2


def test_a_bucket_with_a_dot_is_none_as_the_certificate_is_for_one_label(aws: Aws):
    s3 = aws.administrator()("s3")
    s3.create_bucket(Bucket="data.example")  # SDKs put such a name into the path

    with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        aws.http("GET", host="data.example.s3.amazonaws.com")
    s3.delete_bucket(Bucket="data.example")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "example.org", "", "sts.amazonaws.com:1"]
)
def test_a_request_that_names_another_host_than_awss_is_not_looked_at(aws: Aws, host):
    answer = aws.http("POST", headers={"host": host}, content=b"Action=GetCallerIdentity")

    assert (answer.status_code, "UnknownOperation" in answer.text) == (404, True)


@pytest.mark.parametrize(
    ("service", "host"), [("s3", "iam"), ("iam", "s3"), ("sts", "iam"), ("s3", "eks")]
)
def test_a_signature_for_another_service_is_refused(aws: Aws, service, host):
    path = "/?Action=ListRoles&Version=2010-05-08" if host == "iam" else "/"
    administrator = aws.emulator.administrator
    answer = aws.signed("GET", HOSTS[host], path, service=service, credentials=administrator)

    assert answer.status_code == 403
    assert f"Credential should be scoped to correct service: '{host}'" in answer.text


def test_a_presigned_url_of_another_service_is_refused(aws: Aws):
    sts = aws.administrator()("sts")
    url = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    path = url.removeprefix(f"https://{HOSTS['sts']}")
    assert aws.http("GET", path, host=HOSTS["sts"]).status_code == 200

    answer = aws.http("GET", path, host=HOSTS["iam"])

    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)


def ask(aws: Aws, text: str) -> socket.socket:
    """A connection to the proxy on which this was said."""
    proxy = urlsplit(aws.emulator.proxy)
    connection = socket.create_connection((proxy.hostname, proxy.port or 0), timeout=300)
    connection.sendall(text.encode())
    return connection


def everything(connection: socket.socket) -> str:
    with connection:
        return b"".join(iter(lambda: connection.recv(1024), b"")).decode()


CONNECT = "CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n"
STS = CONNECT.format(f"{HOSTS['sts']}:443")


@pytest.mark.parametrize(
    "target",
    [
        "example.org:443",
        f"{HOSTS['sts']}:80",
        HOSTS["sts"],
        f"{HOSTS['sts']}:https",
        "[::1]:443",
        "",
    ],
)
def test_the_proxy_leads_to_no_other_host_or_port(aws: Aws, target):
    said = everything(ask(aws, CONNECT.format(target)))

    assert said.startswith("HTTP/1.1 403 Forbidden\r\n")
    assert said.endswith(", and of no other host\n")


@pytest.mark.parametrize("method", ["GET", "connect"])
def test_plain_http_is_refused(aws: Aws, method):
    said = everything(ask(aws, f"{method} http://{HOSTS['sts']}/ HTTP/1.1\r\n\r\n"))

    assert said.startswith("HTTP/1.1 405 Method Not Allowed\r\n")


@pytest.mark.parametrize(
    ("said", "more"),
    [(STS, "GET / HTTP/1.1\r\n\r\n"), (f"{STS}more", ""), ("", "x" * 20_000), ("", "")],
    ids=["no TLS", "too early", "a head without end", "nothing"],
)
def test_what_is_no_call_of_a_proxy_is_cut_off(aws: Aws, monkeypatch, said, more):
    monkeypatch.setattr(tunnel, "HEAD_TIMEOUT", 0.2 if said + more == "" else 30.0)
    with ask(aws, said) as connection, suppress(ConnectionError):
        if said == STS:
            assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        connection.sendall(more.encode())
        while connection.recv(1024):
            pass
