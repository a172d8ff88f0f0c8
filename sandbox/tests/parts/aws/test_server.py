"""The emulator's front: AWS's hosts behind a proxy, signatures, what is MiniStack's no longer."""

import asyncio
import gc
import http.client
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import pytest

from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.clients import AccessKeys, AwsClients
from irsa_sandbox.serving import tunnel
from tests.sandbox.support.aws_harness import HOSTS, ROLE_ARN, VPC, Aws, allow, refusal
from tests.sandbox.support.cluster import eventually
from tests.support.world import BUCKET, PROVIDER_ARN, ROLE_B_ARN

DENIED = (403, "<Code>AccessDenied</Code>")
NO_TOKEN = (403, "<Code>MissingAuthenticationToken</Code>")
NO_ACTION = (400, "MalformedQueryString")
UNKNOWN = (404, "UnknownOperation")
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
JSON = {"content-type": "application/x-amz-json-1.1"}
TARGET = {**JSON, "x-amz-target": "secretsmanager.GetSecretValue"}
IAM, S3, STS, SECRETS = (HOSTS[name] for name in ("iam", "s3", "sts", "secretsmanager"))
SCOPE = f"Credential={ACCOUNT_A}/20260101/{REGION}/iam/aws4_request"
SIGNED = f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host, Signature=00"
CALL = "Action=GetCallerIdentity&Version=2011-06-15"
ROLES = "/?Action=ListRoles&Version=2010-05-08"
ROLE_B = f"Action=AssumeRole&Version=2011-06-15&RoleSessionName=x1&RoleArn={ROLE_B_ARN}"
CONNECT = "CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n"
TO_STS = CONNECT.format(f"{STS}:443")
TARGETS = ["example.org:443", f"{STS}:80", STS, f"{STS}:https", "[::1]:443", ""]


@pytest.mark.cases(("method", "host", "path", "headers", "expected"), {
    **{f"{name} of the emulator": (method, STS, f"/_ministack/{name}", {}, UNKNOWN) for method,
        name in (("GET", "config"), ("GET", "health"), ("POST", "reset"))},
    **{f"PUT of a bucket{query}": ("PUT", S3, f"/taken{query}", {}, DENIED) for query in ("",
        "?X-Amz-Signature=00", "?X-Amz-Signature=&X-Amz-Credential=&X-Amz-Algorithm=",
        "?AWSAccessKeyId=&Signature=&Expires=")},
    "list of clusters": ("GET", HOSTS["eks"], "/clusters", {}, DENIED),
    "bucket by its host": ("PUT", f"taken.s3.{REGION}.amazonaws.com", "/", {}, DENIED),
    "PUT to STS": ("PUT", STS, "/", FORM, (403, "")),
    "form to S3": ("PUT", S3, "/", FORM, NO_ACTION),
    "form to a bucket": ("POST", "taken.s3.amazonaws.com", "/", FORM, NO_ACTION),
    "secret": ("POST", SECRETS, "/", TARGET, NO_ACTION),
    **{f"{name} in the query": ("GET", STS, f"/?Action={name}", {},
        NO_TOKEN) for name in ("ListRoles", "AssumeRole")},
    **{f"host {name!r} in the header": ("POST", STS, "/", {**FORM, "host": name},
        UNKNOWN) for name in ("taken.s3.localhost", "[", "127.0.0.1", "example.org", "",
        f"{STS}:1")},
})  # fmt: skip
def test_nothing_is_made_without_a_signature(aws: Aws, method, host, path, headers, expected):
    content = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15" if headers else b""
    answer = aws.http(method, path, host=host, headers=headers, content=content)
    assert (answer.status_code, expected[1] in answer.text) == (expected[0], True), answer.text
    accounts = (ACCOUNT_A, ACCOUNT_B, "000000000000")  # an unknown one among them
    found = [aws.emulator.client("s3", account).list_buckets()["Buckets"] for account in accounts]
    assert [bucket["Name"] for buckets in found for bucket in buckets] == [BUCKET]


@pytest.mark.parametrize("action", ["ListRoles", "CreateUser", "GetCallerIdentity", "AssumeRole"])
def test_an_action_without_a_signature_is_missing_its_token(aws: Aws, action):
    answer = aws.post(f"Action={action}&Version=2010-05-08")
    assert (answer.status_code, NO_TOKEN[1] in answer.text) == (403, True), answer.text


@pytest.mark.parametrize("key", [ACCOUNT_A, "test", "AKIAXXXXXXXXXXXXXXXX"])
def test_credentials_that_were_not_given_out_are_refused(aws: Aws, key):
    """Among them MiniStack's default root, with its secret."""
    clients = AwsClients(AccessKeys(key, "test"), aws.emulator.proxy, aws.authority.ca_file)
    assert refusal(clients("iam").list_roles)[0] == 403


@pytest.mark.parametrize(
    ("service", "path"), [("iam", ROLES), ("s3", f"/{BUCKET}"), ("eks", "/clusters")]
)
@pytest.mark.cases("headers", {
    "Bearer": [f"Bearer {SCOPE}"],
    "version 2": [f"AWS {ACCOUNT_A}:x"],
    "no algorithm": [SCOPE],
    "another algorithm": [SIGNED.replace("HMAC", "ECDSA-P256")],
    "Bearer, then signed": ["Bearer x", SIGNED],
    "signed, then Bearer": [SIGNED, "Bearer x"],
    "empty one, then signed": ["AWS4-HMAC-SHA256 Credential=", SIGNED],
    "signed, then an empty one": [SIGNED, "AWS4-HMAC-SHA256 Credential="],
})  # fmt: skip
def test_an_authorization_header_that_proves_nothing_is_refused(aws: Aws, service, path, headers):
    host, given = HOSTS[service], [("authorization", header) for header in headers]
    answer = aws.http("GET", path, host=host, headers=given)
    assert answer.status_code == 400
    assert "Request must contain a signature that conforms" in answer.text
    forged = {"authorization": SIGNED.replace("/iam/", f"/{service}/")}
    assert aws.http("GET", path, host=host, headers=forged).status_code in (400, 403)


@pytest.mark.cases("credential", {
    "key alone": "{key}",
    "another end": "{key}/20260101/{region}/iam/aws4",
    "no date": "{key}/today/{region}/iam/aws4_request",
    "one part too many": "{key}/20260101/{region}/extra/iam/aws4_request",
    "no region": "{key}/20260101/iam/aws4_request",
    "two of them":
        "{key}/20260101/{region}/s3/aws4_request, Credential={key}/20260101/r/iam/aws4_request",
})  # fmt: skip
def test_a_credential_of_another_form_is_not_looked_at(aws: Aws, credential):
    text = credential.format(key=ACCOUNT_A, region=REGION)
    header = f"AWS4-HMAC-SHA256 Credential={text}, SignedHeaders=host, Signature=00"
    by_header = aws.http("GET", ROLES, host=IAM, headers={"authorization": header})
    values = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": text}
    query = urlencode({"Action": "ListRoles", **values, "X-Amz-Signature": "00"})
    for answer in (by_header, aws.http("GET", f"/?{query}", host=IAM)):
        assert answer.status_code == 400
        assert "IncompleteSignature" in answer.text


@pytest.mark.parametrize(
    ("service", "host"), [("s3", "iam"), ("iam", "s3"), ("sts", "iam"), ("s3", "eks")]
)
def test_a_signature_for_another_service_is_refused(aws: Aws, service, host):
    path, credentials = ROLES if host == "iam" else "/", aws.emulator.administrator
    answer = aws.signed("GET", HOSTS[host], path, service=service, credentials=credentials)
    assert answer.status_code == 403
    assert f"Credential should be scoped to correct service: '{host}'" in answer.text


def test_a_presigned_url_is_for_its_service_as_it_was_signed(aws: Aws):
    s3, sts = aws.administrator()("s3"), aws.administrator()("sts")
    s3.put_object(Bucket=BUCKET, Key="report", Body=b"")
    of_s3 = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "report"})
    of_sts = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    for url, host, status in (
        (of_s3, f"{BUCKET}.s3.amazonaws.com", 200),
        (of_s3.replace("Signature=", "Signature=0"), f"{BUCKET}.s3.amazonaws.com", 403),
        (of_sts, STS, 200),
        (of_sts.replace(STS, IAM), IAM, 403),
    ):
        assert urlsplit(url).netloc == host
        assert aws.http("GET", url.removeprefix(f"https://{host}"), host=host).status_code == status


@pytest.mark.cases(("method", "service", "path", "headers", "content"), {
    **{
        f"action of an object in {place}": (
            "PUT", "s3", f"/{BUCKET}/object{query}", headers, "Action=ListBucket"
        )
        for place, query, headers in (
            ("the query", "?Action=ListBucket", {}),
            ("an escaped query", "?%41ction=ListBucket", {}),
            ("a header", "", {"x-amz-target": "S3.ListBucket"}),
            ("a form", "", FORM),
            ("JSON", "", TARGET),
        )
    },
    "JSON to a bucket": ("POST", "s3", f"/{BUCKET}?delete", TARGET, "{}"),
    "JSON to a bucket's host": ("POST", "s3", "/?delete",
        {**TARGET, "host": f"{BUCKET}.s3.amazonaws.com"}, "{}"),
    "two actions of STS": ("POST", "sts", "/?Action=GetCallerIdentity", FORM, ROLE_B),
    "form that is JSON": ("POST", "iam", "/", {**TARGET, **FORM}, "{}"),
    "JSON to IAM": ("POST", "iam", "/", TARGET, "{}"),
    "action of IAM for a secret": ("POST", "secretsmanager", "/?Action=CreateUser&UserName=x",
        TARGET, "{}"),
    "action of SSM for a secret": ("POST", "secretsmanager", "/",
        {**TARGET, "x-amz-target": "AmazonSSM.Get"}, "{}"),
    "text for a secret": ("POST", "secretsmanager", "/",
        {**TARGET, "content-type": "text/plain"}, "{}"),
})  # fmt: skip
def test_a_request_is_no_other_action(aws: Aws, restored, method, service, path, headers, content):
    """Neither to be judged by a permission that its caller has, nor by an action in the query."""
    iam, own = aws.emulator.client("iam", ACCOUNT_A), {"RoleName": "s3-app", "PolicyName": "own"}
    iam.put_role_policy(**own, PolicyDocument=allow("secretsmanager:*", "*"))
    host, credentials = headers.get("host", HOSTS[service]), aws.session().credentials
    more = {"headers": headers, "content": content}
    answer = aws.signed(method, host, path, service=service, credentials=credentials, **more)
    assert (answer.status_code, NO_ACTION[1] in answer.text) == (400, True), answer.text


def test_a_workload_needs_permissions_for_calls_that_the_sandbox_answers(aws: Aws, restored):
    """Those of a deployment: tests/sandbox/systems/test_deployer.py. S3 Control: test_s3.py."""
    administrator, workload = aws.administrator(), aws.session()
    administrator("iam").delete_role_policy(RoleName="s3-app", PolicyName="s3-app")
    administrator("eks").create_cluster(name="dev", roleArn=ROLE_ARN, resourcesVpcConfig=VPC)
    ec2, eks, iam = (workload(name) for name in ("ec2", "eks", "iam"))
    version = {"PolicyArn": f"arn:aws:iam::{ACCOUNT_A}:policy/x", "VersionId": "v1"}
    client = {"OpenIDConnectProviderArn": PROVIDER_ARN, "ClientID": "mine"}
    denied = [
        refusal(call, **inputs)[:2]
        for call, inputs in (
            (ec2.create_tags, {"Resources": ["sg-default"], "Tags": [{"Key": "a", "Value": "b"}]}),
            (ec2.describe_vpcs, {}),
            (eks.create_addon, {"clusterName": "dev", "addonName": "vpc-cni"}),
            (eks.create_cluster, {"name": "x", "roleArn": ROLE_ARN, "resourcesVpcConfig": VPC}),
            (eks.describe_addon_versions, {}),
            (eks.describe_update, {"name": "dev", "updateId": "x"}),
            (iam.add_client_id_to_open_id_connect_provider, client),
            (iam.delete_role, {"RoleName": "s3-app"}),
            (iam.set_default_policy_version, version),
        )
    ]
    codes = ["UnauthorizedOperation"] * 2 + ["AccessDeniedException"] * 4 + ["AccessDenied"] * 3
    assert denied == [(403, code) for code in codes]


def test_a_secret_is_read_by_callers_whose_policy_names_it_in_its_account(aws: Aws, restored):
    owner, ours = (session("secretsmanager") for session in (aws.administrator(), aws.session()))
    made = (owner.create_secret(Name=f"prod/{name}", SecretString="hunter2") for name in "ab")
    secret, other = (answer["ARN"] for answer in made)
    iam, names = aws.emulator.client("iam", ACCOUNT_A), {"RoleName": "s3-app", "PolicyName": "own"}
    named = allow("secretsmanager:GetSecretValue", f"{secret.rpartition('-')[0]}-??????")
    iam.put_role_policy(**names, PolicyDocument=named)
    assert ours.get_secret_value(SecretId="prod/a")["SecretString"] == "hunter2"
    for call, inputs in (
        (ours.get_secret_value, {"SecretId": other}),
        (ours.batch_get_secret_value, {"SecretIdList": ["prod/a", "prod/b"]}),
        (ours.list_secrets, {}),
    ):
        assert refusal(call, **inputs)[1] == "AccessDeniedException"
    assert aws.emulator.client("secretsmanager", ACCOUNT_B).list_secrets()["SecretList"] == []


def test_the_process_s_own_access_key_is_not_root(aws: Aws, monkeypatch):
    iam = aws.emulator.client("iam", ACCOUNT_A)
    iam.create_user(UserName="outsider")
    key = iam.create_access_key(UserName="outsider")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    credentials = AccessKeys(key["AccessKeyId"], key["SecretAccessKey"])
    clients = AwsClients(credentials, aws.emulator.proxy, aws.authority.ca_file)
    assert clients("sts").get_caller_identity()["Arn"].endswith(":user/outsider")
    assert refusal(clients("iam").list_roles)[1] == "AccessDenied"


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sqs", "list_queues"),
        ("sns", "list_topics"),
        ("dynamodb", "list_tables"),
        ("lambda", "list_functions"),
        ("route53", "list_hosted_zones"),
        ("autoscaling", "describe_auto_scaling_groups"),
        ("ecr", "get_authorization_token"),
        ("cloudfront", "list_distributions"),
    ],
)
def test_a_service_that_the_sandbox_lacks_is_named_at_once(aws: Aws, service, operation):
    client = aws.emulator.client(service, ACCOUNT_A)
    http, code, message = refusal(getattr(client, operation))
    host = urlsplit(client.meta.endpoint_url).hostname
    assert (http, code) == (400, "NotInSandbox"), "which no SDK tries again"
    assert message.endswith(f", and not for {host}")


def ask(aws: Aws, text: str) -> socket.socket:
    """A connection to the proxy on which this was said."""
    proxy = urlsplit(aws.emulator.proxy)
    connection = socket.create_connection((proxy.hostname, proxy.port or 0), timeout=300)
    connection.sendall(text.encode())
    return connection


@pytest.mark.cases(("said", "status", "end"), {
    **{f"CONNECT {target!r}": (CONNECT.format(target), "403",
        ", and of no other host\n") for target in TARGETS},
    **{f"{method} of plain HTTP": (f"{method} http://{STS}/ HTTP/1.1\r\n\r\n", "405",
        "CONNECT alone\n") for method in ("GET", "connect")},
})  # fmt: skip
def test_the_proxy_leads_to_no_other_host_or_port_nor_by_plain_http(aws: Aws, said, status, end):
    with ask(aws, said) as connection:
        answer = b"".join(iter(lambda: connection.recv(1024), b"")).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert answer.endswith(end)


@pytest.mark.cases(("said", "more"), {
    "no TLS": (TO_STS, "GET / HTTP/1.1\r\n\r\n"),
    "too early": (f"{TO_STS}more", ""),
    "a head without end": ("", "x" * 20_000),
    "nothing": ("", ""),
})  # fmt: skip
def test_what_is_no_call_of_a_proxy_is_cut_off(aws: Aws, monkeypatch, said, more):
    monkeypatch.setattr(tunnel, "HEAD_TIMEOUT", 0.2 if said + more == "" else 30.0)
    with ask(aws, said) as connection, suppress(ConnectionError):
        if said == TO_STS:
            assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        connection.sendall(more.encode())
        while connection.recv(1024):
            pass


def connection(aws: Aws) -> http.client.HTTPSConnection:
    """A connection to STS, which stays open between requests."""
    proxy = urlsplit(aws.emulator.proxy).netloc
    context = ssl.create_default_context(cafile=aws.authority.ca_file)
    client = http.client.HTTPSConnection(proxy, context=context, timeout=60)
    client.set_tunnel(STS, 443)
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
        gc.collect()  # the server is in this process: each connection must be referred to
        client.send(CALL.encode())
        answer = client.getresponse()
        assert (answer.status, answer.read() != b"") == (403, True)
    client.close()


def test_a_request_after_a_pause_is_answered_and_a_left_client_forgotten(aws: Aws):
    # Seconds, around the time after which a server such as Hypercorn closes an idle connection.
    pauses = [4.9 + 0.2 * number / 150 for number in range(150)]

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

    with ThreadPoolExecutor(len(pauses)) as clients:
        assert sum(clients.map(lost, pauses)) == 0
    eventually(lambda: connections() <= before)
