"""`python -m irsa doctor`: from error messages to their causes."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from botocore.loaders import Loader

from irsa.__main__ import main
from irsa.commands.known_errors import KNOWN_ERRORS, TEXT_MAX, Level, diagnose
from irsa.verify.link import LINKS
from irsa_core.identity.errors import NamedPolicyType, web_identity_denied


class Message(NamedTuple):
    """A message of a thread, with the key of its error and the id of the cause."""

    error: str
    cause: str
    thread: str
    text: str


ERRORS = yaml.safe_load(Path(__file__).with_name("messages.yaml").read_text())
MESSAGES = [
    Message(error, cause, thread, text)
    for error, causes in ERRORS.items()
    for cause, threads in causes.items()
    for thread, text in threads.items()
]
SOLVED = [message for message in MESSAGES if message.cause != "unsolved"]
MISSES = {
    ("web-identity-denied", "role"): "third; the trust policy's conditions are commoner",
    ("no-provider", "region-off"): "last; one tester's finding, in the text of a missing provider",
    ("keys", "old-token"): "third; the text is that of every key that AWS did not get",
    ("assume-role-denied", "recreated"): "third; no text tells a stale AROA id from a wrong policy",
    ("node-role", "token-file"): "last; the thread's cause is a hypothesis",
    ("wrong-keys", "propagation"): "last; keys that are seconds old are rarer than wrong ones",
    ("imds", "region"): "last; the SDK skipped web identity and named no missing region",
}
"""Causes that are not among the first two that are shown, with the reason."""
BY_KEY = {error.key: error for error in KNOWN_ERRORS}
CAUSES = [(error, cause) for error in KNOWN_ERRORS for cause in error.causes]
UNSOURCED = {"clock", "other-account"}
"""Causes that need no page."""
REFUSED = "User: arn:aws:sts::111122223333:assumed-role/s3-app/s is not authorized to perform: "


def keys(text):
    return [error.key for error in diagnose(text)]


@pytest.mark.cases("message", {f"{m.error}, {m.cause}: {m.thread}": m for m in MESSAGES})
def test_a_message_names_its_error_and_first_the_cause_that_solved_it(message):
    errors = diagnose(message.text)
    assert [error.key for error in errors] == [message.error] * (message.error != "none")
    if message in SOLVED:
        causes = [cause.id for cause in errors[0].causes]
        assert message.cause in causes
        assert (message.cause in causes[:2]) == (message[:2] not in MISSES)


NAMED = {
    "calling the ListObjectsV2 operation: Access Denied": ["data-denied"],
    "You must specify a region. You can also configure your region by running": ["region"],
    "No such file or directory: 'eks.amazonaws.com/serviceaccount/token'": ["token-file"],
    r"Could not find file 'C:\eks.amazonaws.com\serviceaccount\token'.": ["token-file"],
    "Received non 200 response 400 from container metadata": ["pod-identity"],
    "Roles may not be assumed by root accounts.": ["assume-role-denied"],
    "The connection to the server localhost:8080 was refused": ["cluster-access"],
    "ClusterSecretStore: spec.provider.aws.region: Required value": ["region"],
    "not authorized to perform operation DescribeMountTargets": ["data-denied"],
    # Line breaks and case do not matter.
    web_identity_denied().message.upper().replace(" ", "\n  "): ["web-identity-denied"],
    # Two errors in one log are both found; the summaries between them are not.
    "failed to refresh cached credentials, Incorrect token audience; Unable to locate "
    "credentials; You must specify a region": ["audience", "region"],
}
UNKNOWN = [
    *("", "Bad Request", "sts", "AccessDenied", "invalid regional endpoint"),
    "googleapi: Error 403: Permission 'iam.serviceAccounts.actAs' denied",
    "Permission iam.serviceAccounts.actAs is required: 403 forbidden",
    'pods is forbidden: User "me@example.com" cannot list resource "pods"',
    "spec.region: Required value; couldn't connect to server localhost:27017",
    "This request is not authorized to perform this operation using this permission.",
    "Token has expired and can no longer be refreshed",
    "rewrite /foo: 301 PermanentRedirect",
    "open keeper gcpkms://projects/x: rpc error: code = PermissionDenied",
    "undefined method `credentials' for nil:NilClass",
    "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider",
]
"""Texts of Google, Azure, MongoDB, web servers, SSO, Ruby, and names of Java's classes."""


@pytest.mark.parametrize("text", [*NAMED, *UNKNOWN])
def test_a_text_names_its_errors_and_no_others(text):
    assert keys(text) == NAMED.get(text, [])


def test_the_cause_of_a_thread_is_shown_first_nine_times_of_ten():
    assert len(SOLVED) >= 95
    assert sum(message[:2] in MISSES for message in SOLVED) <= len(SOLVED) / 10


def test_every_known_error_has_a_message_and_is_found_by_its_own_text():
    assert {message.error for message in MESSAGES} - {"none"} == BY_KEY.keys()
    for error in KNOWN_ERRORS:
        assert keys(error.error) == [error.key]
        assert diagnose(error.key) == [error]


def test_every_cause_has_an_id_a_check_and_a_source_or_a_link_of_verify():
    solved = {(message.thread, message.error): message.cause for message in SOLVED}

    assert len({(error.key, cause.id) for error, cause in CAUSES}) == len(CAUSES)
    assert {cause.link for _, cause in CAUSES} - {""} <= LINKS.keys()
    assert {kind for _, cause in CAUSES for kind in cause.policy_types} == set(NamedPolicyType)
    for error, cause in CAUSES:
        assert cause.source or cause.link or cause.id in UNSOURCED, (error.key, cause.id)
        assert cause.check or cause.link, (error.key, cause.id)
        # A thread of the set that is a cause's source was solved by it.
        assert solved.get((cause.source, error.key), cause.id) == cause.id


def test_a_wrapping_error_is_an_answer_only_by_itself():
    wrapper = "failed to refresh cached credentials, operation error STS: AssumeRole, "
    assert keys(wrapper) == ["no-credentials"]
    for error in KNOWN_ERRORS:
        if error.level < Level.FALLBACK and error.key != "malformed-policy":
            text = f"{wrapper}{error.error} NoCredentialProviders, no EC2 IMDS role found"
            assert keys(text) == [error.key]


CAUSE_OF = {
    f"{REFUSED}s3:GetObject because no identity-based policy allows it": "role-policy",
    f"{REFUSED}s3:GetObject with an explicit deny in an identity-based policy": "deny",
    f"{REFUSED}s3:GetObject because no resource-based policy allows it": "resource-policy",
    f"{REFUSED}s3:GetObject because no permissions boundary allows it": "boundary",
    f"{REFUSED}s3:GetObject because no session policy allows it": "session-policy",
    f"{REFUSED}s3:GetObject with an explicit deny in a service control policy": "organization",
    f"{REFUSED}s3:GetObject with an explicit deny in a resource control policy": "organization",
    f"{REFUSED}s3:GetObject because no VPC endpoint policy allows it": "vpc-endpoint",
    f"{REFUSED}s3:GetObject with an explicit deny": "deny",
    f"{REFUSED}kms:Decrypt on resource: arn:aws:kms:eu-west-1:111122223333:key/k": "kms-key",
    f"{REFUSED}sts:AssumeRole because no role trust policy allows it": "role-b-trust",
    f"{REFUSED}sts:AssumeRole because no identity-based policy allows it": "role-a-policy",
    f"{REFUSED}sts:AssumeRole with an explicit deny in a service control policy": "organization",
    f"{REFUSED}sts:AssumeRole on resource: arn:aws:iam::444455556666:role/b": "role-a-policy",
    "Error when retrieving credentials from container-role": "trust",
    "Received non 200 response 400 from container metadata": "trust",
    "Received non 200 response 404 from container metadata": "association",
    "connect ECONNREFUSED 169.254.170.23:80": "agent",
    "E0101 reflector.go:178] Failed to list *v1beta1.Ingress: Unauthorized": "old-client",
    'Get "https://10.0.1.57:10250/containerLogs/a": remote error: tls: internal error': "kubelet",
    "The kubernetes group name system:masters is invalid": "group",
    "invalid configuration: cannot create REST client: no client config": "kubeconfig",
    "'authenticationMode' is set to 'API'": "mode",
    "unreachable cluster. If the cluster was deleted, remove it": "gone",
    "reading SSM Parameter (/a): couldn't find resource": "place",
    "CreateAccessEntry: principalArn is invalid: arn:aws:sts::1:assumed-role/a/b": "session-arn",
    '"policy_arn" (reader) is an invalid ARN': "no-role-arn",
    "MalformedPolicyDocument: Has prohibited field Resource": "wrong-kind",
    "TypeError: Object of type Output is not JSON serializable": "json",
    "serviceaccount: Apply failed with 1 conflict: conflict with kubectl": "field",
    'serviceaccounts "ebs-csi-controller-sa" already exists': "reuse",
    'net/http: invalid header field value for "Authorization"': "secret",
    "container runtime network not ready: cni plugin not initialized": "degraded",
    "You don't have access to the model with the specified model ID.": "model",
    "User: anonymous is not authorized to perform: es:ESHttpPost": "unsigned",
    "no permissions for [indices:data/write/bulk] and User [name=u]": "resource-policy",
    "Multiple HTTP implementations were found on the classpath": "release",
    "Invalid choice: 'create-pod-identity-association'": "sdk",
    'the "eks-pod-identity-agent" addon must be installed': "agent",
    "failed fetching WebIdentity token:": "fs-group",
    "unable to construct route53 provider: enable ambient credentials?": "sdk",
}


@pytest.mark.parametrize("said", [pytest.param(e, id=e.removeprefix(REFUSED)) for e in CAUSE_OF])
def test_the_cause_that_the_text_names_comes_first(said):
    [error, *_] = diagnose(said)
    assert error.causes[0].id == CAUSE_OF[said]


@pytest.mark.parametrize("verb", ["get", "list", "create", "impersonate"])
@pytest.mark.cases("user", {
    "no user": "", "user": "dev", "anonymous": "system:anonymous",
    "node": "system:node:ip-10-0-0-1.ec2.internal",
    "service account": "system:serviceaccount:dev:app",
    "role": "arn:aws:sts::111122223333:assumed-role/s3-app/s",
    "node's role": "arn:aws:sts::111122223333:assumed-role/dev-NodeRole/i-0123456789abcdef0",
    "SSO": "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_ab/me@example.com",
})  # fmt: skip
def test_a_refusal_of_rbac_is_one_of_the_cluster_for_every_user(user, verb):
    said = f'nodes is forbidden: User "{user}" cannot {verb} resource "nodes" in API group ""'
    assert keys(said) == keys(json.dumps({"message": said})) == ["rbac"]
    assert diagnose(said)[0].causes[0].id == "role"


@pytest.mark.parametrize("call", ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"])
@pytest.mark.parametrize(
    "code", ["Unknown", "301", "404", "405", "MethodNotAllowed", "NotImplemented", "NoSuchBucket"]
)
def test_a_code_that_sts_does_not_have_is_of_another_endpoint(code, call):
    [error] = diagnose(f"An error occurred ({code}) when calling the {call} operation: {code}")
    assert (error.key, error.causes[0].id) == ("region", "endpoint")


def test_an_error_of_pod_identity_is_named_as_such():
    [error] = diagnose("CredentialsProviderError: connect ECONNREFUSED 169.254.170.23:80")
    assert (error.key, error.level) == ("pod-identity", Level.POD_IDENTITY)
    assert "not of IRSA" in error.meaning


def test_the_end_of_a_long_log_is_read():
    assert keys("line\n" * TEXT_MAX + "Request ARN is invalid") == ["request-arn"]


def test_json_has_the_causes_in_order(capsys):
    assert main(["doctor", "--output", "json", "Request", "ARN", "is", "invalid"]) == 0

    [error] = json.loads(capsys.readouterr().out)["errors"]
    assert error["key"] == "request-arn"
    assert [cause["link"] for cause in error["causes"]] == ["annotation", None]


ROLE_A = "arn:aws:iam::111122223333:role/s3-app"


@pytest.mark.cases(("text", "options"), {
    "no name": ("Unable to locate credentials", "NAMESPACE/NAME"),
    "subject": ("system:serviceaccount:dev:app: Incorrect token audience", "dev/app"),
    "service account": ("An IAM role must be associated with service account app (namespace: dev)",
        "dev/app"),
    "bucket by s3a": ("AccessDenied: Access Denied s3a://data/x", "NAMESPACE/NAME --bucket data"),
    "bucket": (f"{REFUSED}s3:ListBucket on resource: arn:aws:s3:::data",
        f"NAMESPACE/NAME --role-arn {ROLE_A} --bucket data"),
    "object": (f"{REFUSED}s3:GetObject on resource: arn:aws:s3:::a/b",
        f"NAMESPACE/NAME --role-arn {ROLE_A} --action s3:GetObject --resource arn:aws:s3:::a/b"),
    "no resource": (f"{REFUSED}ec2:A",
        f"NAMESPACE/NAME --role-arn {ROLE_A} --action ec2:A --resource '*'"),
    "role B": (f"{REFUSED}sts:AssumeRole on resource: arn:aws:iam::444455556666:role/b",
        f"NAMESPACE/NAME --role-arn {ROLE_A} --role-b arn:aws:iam::444455556666:role/b"),
    "role to be created": (f"{REFUSED}iam:CreateRole on resource: {ROLE_A}b",
        f"NAMESPACE/NAME --role-arn {ROLE_A} --action iam:CreateRole --resource {ROLE_A}b"),
    "own role": (f"{REFUSED}sts:AssumeRole on resource: {ROLE_A}",
        f"NAMESPACE/NAME --role-arn {ROLE_A}"),
    "AssumeRole by a user":
        (f"User: u is not authorized to perform: sts:AssumeRole on resource: {ROLE_A}",
        f"NAMESPACE/NAME --role-b {ROLE_A}"),
    "session of a node": (f"{REFUSED.replace('/s is', '/i-0abc is')}s3:ListBucket",
        "NAMESPACE/NAME"),
    "web identity": ("Not authorized to perform sts:AssumeRoleWithWebIdentity", "NAMESPACE/NAME"),
})  # fmt: skip
def test_the_printed_command_has_what_the_text_names(text, options, capsys):
    assert main(["doctor", text]) == 0
    assert f"\nverify: python -m irsa verify {options}\n" in capsys.readouterr().out


def test_every_error_that_sts_declares_is_known():
    shapes = Loader().load_service_model("sts", "service-2")["shapes"].values()
    codes = {shape["error"]["code"] for shape in shapes if shape.get("exception")}
    for code in codes - {"InvalidAuthorizationMessageException", "JWTPayloadSizeExceededException"}:
        assert keys(f"An error occurred ({code}) when calling the AssumeRole operation: x"), code


@pytest.mark.cases(("text", "code", "lines"), {
    "two errors": ("Incorrect token audience, You must specify a region", 0,
        ["check: link 'audience' of verify", "python -m irsa verify"]),
    "session policy": (f"{REFUSED}s3:ListBucket because no session policy allows it", 0,
        ["AWS says: no session policy allows s3:ListBucket"]),
    "authorization id": (f"{REFUSED}iam:GetRole … with the following authorization id: ab12-cd34",
        0, ["authorization-details --authorization-id ab12-cd34; aws",
        "authorization-policy --pol"]),
    "unknown text": ("it does not work", 3, ["python -m irsa verify"]),
})  # fmt: skip
def test_the_answer_has_each_way_out_and_verify_once(text, code, lines, capsys):
    assert main(["doctor", text]) == code
    printed = capsys.readouterr().out
    assert [each for each in lines if each not in printed] == []
    assert printed.count("\nverify: python -m irsa verify") <= 1


def test_no_text_is_wrong_usage(capsys):
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
