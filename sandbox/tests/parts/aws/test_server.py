"""The emulator as a whole: who gets in at all, and what is MiniStack's no longer."""

import asyncio
import http.client
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.clients import AwsClients, Credentials
from irsa_sandbox.aws.eks import ClusterFacts
from irsa_sandbox.aws.server import Emulator
from tests.sandbox.support.aws_harness import BUCKET, HOSTS, ISSUER, ROLE_ARN, Aws, refusal
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


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("?Action=ListBucket", {}),
        ("?%41ction=ListBucket", {}),
        ("", {"x-amz-target": "S3.ListBucket"}),
        ("", {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}),
    ],
    ids=["query string", "query string, encoded", "target header", "form"],
)
def test_a_request_to_s3_cannot_say_that_it_is_another_action(aws: Aws, path, headers):
    session = aws.session().credentials
    path = f"/{BUCKET}/object{path}"
    url = f"https://{HOSTS['s3']}{path}"
    request = AWSRequest("PUT", url, headers=headers, data=b"Action=ListBucket")
    S3SigV4Auth(BotoCredentials(*session), "s3", REGION).add_auth(request)
    prepared = request.prepare()
    sent = {"content": prepared.body, "headers": dict(prepared.headers)}
    answer = aws.http("PUT", path, host=HOSTS["s3"], **sent)
    assert (answer.status_code, "MalformedQueryString" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "host"),
    [
        ("GET", "/", HOSTS["s3"]),
        ("PUT", "/taken", HOSTS["s3"]),
        ("PUT", "/taken/object", HOSTS["s3"]),
        ("DELETE", f"/{BUCKET}", HOSTS["s3"]),
        ("GET", "/clusters", HOSTS["eks"]),
        ("GET", "/health", HOSTS["s3"]),
        ("PUT", "/taken?X-Amz-Signature=00", HOSTS["s3"]),
        ("PUT", "/taken?X-Amz-Signature=&X-Amz-Credential=&X-Amz-Algorithm=", HOSTS["s3"]),
        ("PUT", "/taken?AWSAccessKeyId=&Signature=&Expires=", HOSTS["s3"]),
        ("PUT", "/", "taken.s3.amazonaws.com"),
        ("PUT", "/", f"taken.s3.{REGION}.amazonaws.com"),
    ],
)
def test_s3_denies_a_request_without_a_signature(aws: Aws, method, path, host):
    answer = aws.http(method, path, host=host)

    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
    assert _buckets(aws) == {BUCKET}


@pytest.mark.parametrize(
    ("method", "host", "status"),
    [
        ("PUT", HOSTS["sts"], 403),
        ("PUT", HOSTS["s3"], 400),
        ("POST", "taken.s3.amazonaws.com", 400),
        ("POST", "taken.s3.localhost", 404),
        ("POST", "[", 404),
    ],
)
def test_a_form_makes_no_bucket_without_a_signature(aws: Aws, method, host, status):
    headers = {"host": host, "content-type": "application/x-www-form-urlencoded"}
    content = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"

    assert aws.http(method, "/", headers=headers, content=content).status_code == status
    assert _buckets(aws) == {BUCKET}


@pytest.mark.parametrize("action", ["ListRoles", "CreateUser", "GetCallerIdentity", "AssumeRole"])
def test_an_action_without_a_signature_is_missing_its_token(aws: Aws, action):
    call = f"Action={action}&Version=2010-05-08"

    for answer in (aws.http("GET", f"/?{call}"), aws.post(call)):
        assert answer.status_code == 403
        assert "<Code>MissingAuthenticationToken</Code>" in answer.text


def test_a_web_identity_needs_no_signature(aws: Aws):
    assert aws.assume()["Audience"] == "sts.amazonaws.com"
    query = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
    assert "ValidationError" in aws.http("GET", f"/?{query}").text  # it lacks the token, no more


def test_a_presigned_url_is_signed(aws: Aws):
    s3 = aws.administrator()("s3")
    s3.put_object(Bucket=BUCKET, Key="report", Body=b"")
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "report"})
    host, _, path = url.removeprefix("https://").partition("/")
    assert host == f"{BUCKET}.s3.amazonaws.com"
    assert aws.http("GET", f"/{path}", host=host).status_code == 200
    forged = path.replace("Signature=", "Signature=0")
    assert aws.http("GET", f"/{forged}", host=host).status_code == 403


def _buckets(aws: Aws) -> set[str]:
    """The names of the buckets of all owners, an unknown account among them."""
    accounts = (ACCOUNT_A, ACCOUNT_B, "000000000000")
    found = [aws.emulator.client("s3", account).list_buckets()["Buckets"] for account in accounts]
    return {bucket["Name"] for buckets in found for bucket in buckets}


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


def test_one_process_runs_one_emulator(aws: Aws, tmp_path):
    second = Emulator(
        folder=tmp_path,
        authority=aws.authority,
        jwks=aws.issuer.jwks,
        cluster=ClusterFacts(endpoint="", ca_data="", issuer_url=""),
    )
    assert second.ended() == f"the AWS emulator ended (log: {tmp_path / 'logs' / 'aws.log'})"
    with pytest.raises(RuntimeError, match="runs in this process already; stop it first"):
        second.start()
    second.stop()
    assert aws.emulator.ended() is None
    assert aws.assume()["Audience"] == "sts.amazonaws.com"


def test_every_eks_cluster_is_the_sandbox_s_control_plane(aws: Aws):
    eks = aws.emulator.client("eks", ACCOUNT_A)
    eks.create_cluster(
        name="dev",
        roleArn=ROLE_ARN,
        resourcesVpcConfig={"subnetIds": ["subnet-00000001", "subnet-00000002"]},
    )
    cluster = eks.describe_cluster(name="dev")["cluster"]
    eks.delete_cluster(name="dev")
    facts = ("endpoint", "certificateAuthority", "identity", "status")
    assert {name: cluster[name] for name in facts} == {
        "endpoint": "https://127.0.0.1:6443",
        "certificateAuthority": {"data": "Q0E="},
        "identity": {"oidc": {"issuer": f"https://{ISSUER}"}},
        "status": "ACTIVE",
    }


def test_a_refused_request_is_read_to_its_end_and_keeps_its_connection(aws: Aws):
    """A slow machine sends the body after the headers; a server that has closed by then loses the
    next request, which an SDK sends on the same connection."""
    proxy = urlsplit(aws.emulator.proxy)
    context = ssl.create_default_context(cafile=aws.authority.ca_file)
    client = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, context=context)
    client.set_tunnel(HOSTS["sts"], 443)
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    for _ in range(2):
        client.putrequest("POST", "/")
        client.putheader("Content-Length", str(len(body)))
        client.endheaders()
        time.sleep(0.3)
        client.send(body)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 403
    client.close()


CLIENTS = 150
PAUSES = [4.9 + 0.2 * number / CLIENTS for number in range(CLIENTS)]
"""Seconds, around the time after which a server such as Hypercorn closes an idle connection."""


def test_a_request_after_a_pause_is_answered_and_a_left_client_forgotten(aws: Aws):
    proxy = urlsplit(aws.emulator.proxy)
    context = ssl.create_default_context(cafile=aws.authority.ca_file)

    def connections() -> int:
        return aws.emulator._between_requests(lambda: len(asyncio.all_tasks()))

    before = connections()

    def lost(pause: float) -> bool:
        """Call twice on one connection, without another try."""
        client = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, context=context)
        client.set_tunnel(HOSTS["sts"], 443)
        try:
            for seconds in (pause, 0):
                client.request("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15")
                client.getresponse().read()
                time.sleep(seconds)
        except (http.client.HTTPException, OSError):
            return True
        finally:
            client.close()
        return False

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert sum(clients.map(lost, PAUSES)) == 0
    eventually(lambda: connections() <= before)
