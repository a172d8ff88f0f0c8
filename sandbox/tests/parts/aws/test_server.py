"""The emulator as a whole: who gets in at all, and what is MiniStack's no longer."""

import asyncio
import http.client
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.clients import AwsClients, Credentials
from tests.sandbox.support.aws_harness import BUCKET, HOSTS, Aws, refusal
from tests.sandbox.support.cluster import eventually

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/config", "/_ministack/health"])
def test_the_emulator_s_own_controls_are_closed(aws: Aws, method, path):
    assert aws.http(method, path).status_code == 404


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(ACCOUNT_A, "test"),
        Credentials("test", "test"),
        Credentials("AKIAXXXXXXXXXXXXXXXX", "test"),
    ],
    ids=["root with a guessed secret", "MiniStack's default root", "an unknown key"],
)
def test_credentials_that_were_not_given_out_are_refused(aws: Aws, credentials):
    clients = AwsClients(credentials, aws.emulator.proxy, aws.authority.ca_file)
    assert refusal(lambda: clients("iam").list_roles())[0] == 403


@pytest.mark.parametrize("service", ["iam", "s3", "eks"])
@pytest.mark.parametrize(
    "header",
    [
        "Bearer x",
        "Bearer {scope}",
        "Basic MTExMTIyMjIzMzMzOng=",
        "AWS {account}:x",
        "{scope}",
        "AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00",
        "AWS4-ECDSA-P256-SHA256 {scope}, SignedHeaders=host, Signature=00",
    ],
)
def test_an_authorization_header_that_proves_nothing_is_refused(aws: Aws, service, header):
    scope = f"Credential={ACCOUNT_A}/20260101/{REGION}/{service}/aws4_request"
    headers = {"authorization": header.format(scope=scope, account=ACCOUNT_A)}
    path = {"iam": "/?Action=ListRoles", "s3": f"/{BUCKET}", "eks": "/clusters"}[service]
    assert aws.http("GET", path, host=HOSTS[service], headers=headers).status_code in (400, 403)


@pytest.mark.parametrize(
    "credential",
    [
        "{key}",
        "{key}/20260101/{region}/iam",
        "{key}/20260101/{region}/iam/aws4",
        "{key}/today/{region}/iam/aws4_request",
        "{key}/20260101/{region}/extra/iam/aws4_request",
        "{key}/20260101/iam/aws4_request",
        "{key}/20260101/{region}/s3/aws4_request, Credential={key}/20260101/r/iam/aws4_request",
    ],
)
def test_a_credential_of_another_form_is_not_looked_at(aws: Aws, credential):
    text = credential.format(key=ACCOUNT_A, region=REGION)
    header = f"AWS4-HMAC-SHA256 Credential={text}, SignedHeaders=host, Signature=00"
    by_header = aws.http(
        "GET", "/?Action=ListRoles", host=HOSTS["iam"], headers={"authorization": header}
    )
    values = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": text}
    query = urlencode({"Action": "ListRoles", **values, "X-Amz-Signature": "00"})
    by_query = aws.http("GET", f"/?{query}", host=HOSTS["iam"])

    for answer in (by_header, by_query):
        assert (answer.status_code, "IncompleteSignature" in answer.text) == (400, True)


@pytest.mark.parametrize("first", ["Bearer x", "AWS4-HMAC-SHA256 Credential="])
def test_a_second_authorization_header_does_not_speak_for_the_first(aws: Aws, first):
    scope = f"Credential={ACCOUNT_A}/20260101/{REGION}/iam/aws4_request"
    second = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"
    headers = [("authorization", first), ("authorization", second)]
    for order in (headers, headers[::-1]):
        answer = aws.http("GET", "/?Action=ListRoles", host=HOSTS["iam"], headers=order)
        assert "Request must contain a signature that conforms" in answer.text


FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("?Action=ListBucket", {}),
        ("?%41ction=ListBucket", {}),
        ("", {"x-amz-target": "S3.ListBucket"}),
        ("", FORM),
    ],
    ids=["query string", "query string, encoded", "target header", "form"],
)
def test_a_request_to_s3_cannot_say_that_it_is_another_action(aws: Aws, path, headers):
    answer = aws.signed(
        "PUT",
        HOSTS["s3"],
        f"/{BUCKET}/object{path}",
        service="s3",
        credentials=aws.session().credentials,
        headers=headers,
        content="Action=ListBucket",
    )
    assert (answer.status_code, "MalformedQueryString" in answer.text) == (400, True)


DENIED = (403, "<Code>AccessDenied</Code>")


@pytest.mark.parametrize(
    ("method", "path", "host", "headers", "expected"),
    [
        *(
            (method, path, HOSTS["s3"], {}, DENIED)
            for method, path in (
                ("GET", "/"),
                ("PUT", "/taken"),
                ("PUT", "/taken/object"),
                ("DELETE", f"/{BUCKET}"),
                ("GET", "/health"),
                ("PUT", "/taken?X-Amz-Signature=00"),
                ("PUT", "/taken?X-Amz-Signature=&X-Amz-Credential=&X-Amz-Algorithm="),
                ("PUT", "/taken?AWSAccessKeyId=&Signature=&Expires="),
            )
        ),
        ("GET", "/clusters", HOSTS["eks"], {}, DENIED),
        ("PUT", "/", "taken.s3.amazonaws.com", {}, DENIED),
        ("PUT", "/", f"taken.s3.{REGION}.amazonaws.com", {}, DENIED),
        ("PUT", "/", HOSTS["sts"], FORM, (403, "")),
        ("PUT", "/", HOSTS["s3"], FORM, (400, "")),
        ("POST", "/", "taken.s3.amazonaws.com", FORM, (400, "")),
        ("POST", "/", HOSTS["sts"], {**FORM, "host": "taken.s3.localhost"}, (404, "")),
        ("POST", "/", HOSTS["sts"], {**FORM, "host": "["}, (404, "")),
    ],
)
def test_nothing_is_made_without_a_signature(aws: Aws, method, path, host, headers, expected):
    content = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15" if headers else b""
    answer = aws.http(method, path, host=host, headers=headers, content=content)

    assert answer.status_code == expected[0]
    assert expected[1] in answer.text
    accounts = (ACCOUNT_A, ACCOUNT_B, "000000000000")  # an unknown one among them
    found = [aws.emulator.client("s3", account).list_buckets()["Buckets"] for account in accounts]
    assert [bucket["Name"] for buckets in found for bucket in buckets] == [BUCKET]


@pytest.mark.parametrize("action", ["ListRoles", "CreateUser", "GetCallerIdentity", "AssumeRole"])
def test_an_action_without_a_signature_is_missing_its_token(aws: Aws, action):
    call = f"Action={action}&Version=2010-05-08"

    for answer in (aws.http("GET", f"/?{call}"), aws.post(call)):
        assert answer.status_code == 403
        assert "<Code>MissingAuthenticationToken</Code>" in answer.text


def test_a_presigned_url_is_signed(aws: Aws):
    s3 = aws.administrator()("s3")
    s3.put_object(Bucket=BUCKET, Key="report", Body=b"")
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "report"})
    host, _, path = url.removeprefix("https://").partition("/")
    assert host == f"{BUCKET}.s3.amazonaws.com"
    assert aws.http("GET", f"/{path}", host=host).status_code == 200
    forged = path.replace("Signature=", "Signature=0")
    assert aws.http("GET", f"/{forged}", host=host).status_code == 403


def test_the_process_s_own_access_key_is_not_root(aws: Aws, monkeypatch):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    iam.create_user(UserName="outsider")
    key = iam.create_access_key(UserName="outsider")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    clients = AwsClients(credentials, aws.emulator.proxy, aws.authority.ca_file)
    assert clients("sts").get_caller_identity()["Arn"].endswith(":user/outsider")
    assert refusal(lambda: clients("iam").list_roles())[1] == "AccessDenied"


def connection(aws: Aws) -> http.client.HTTPSConnection:
    """A connection to STS, which stays open between requests."""
    proxy = urlsplit(aws.emulator.proxy)
    context = ssl.create_default_context(cafile=aws.authority.ca_file)
    client = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, context=context)
    client.set_tunnel(HOSTS["sts"], 443)
    return client


def test_a_refused_request_is_read_to_its_end_and_keeps_its_connection(aws: Aws):
    """A slow machine sends the body after the headers; a server that has closed by then loses the
    next request, which an SDK sends on the same connection."""
    client = connection(aws)
    for _ in range(2):
        client.putrequest("POST", "/")
        client.putheader("Content-Length", str(len(CALL)))
        client.endheaders()
        time.sleep(0.3)
        client.send(CALL.encode())
        answer = client.getresponse()
        answer.read()
        assert answer.status == 403
    client.close()


CALL = "Action=GetCallerIdentity&Version=2011-06-15"
CLIENTS = 150


def test_a_request_after_a_pause_is_answered_and_a_left_client_forgotten(aws: Aws):
    # Seconds, around the time after which a server such as Hypercorn closes an idle connection.
    pauses = [4.9 + 0.2 * number / CLIENTS for number in range(CLIENTS)]

    def connections() -> int:
        return aws.emulator._between_requests(lambda: len(asyncio.all_tasks()))

    before = connections()

    def lost(pause: float) -> bool:
        """Call twice on one connection, without another try."""
        client = connection(aws)
        try:
            for seconds in (pause, 0):
                client.request("POST", "/", CALL)
                client.getresponse().read()
                time.sleep(seconds)
        except (http.client.HTTPException, OSError):
            return True
        finally:
            client.close()
        return False

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert sum(clients.map(lost, pauses)) == 0
    eventually(lambda: connections() <= before)
