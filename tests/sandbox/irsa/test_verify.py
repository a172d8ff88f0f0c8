"""`python -m irsa verify` names the link that fails, with a remedy that works.

The breaks in one account, and how each shows in a Pod; test_verify_pods.py has the Pods' own.
"""

import ast
import json
from pathlib import Path

import pytest
from lightkube.resources.core_v1 import Namespace, ServiceAccount

from core.tests.decide.policies import deny, document
from irsa.verify.link import LINKS
from irsa_core.identity.arns import aws_policy_arn, bucket_arn
from irsa_core.identity.eks import AUDIENCE_ANNOTATION, ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.remedies import nothing_gained, remedied
from tests.sandbox.support.workload import NAME, link_of


def broken_in(file):
    """Yield the links that a file's tests repair, or compare with the failing link."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(ast.Name("remedied"), [_, *rows]) | ast.Assign(
                [ast.Name("BROKEN")], ast.Dict(values=rows)
            ):
                firsts = [row.elts[0] for row in rows]
                yield from (first.value for first in firsts if isinstance(first, ast.Constant))
            case ast.Compare(
                left, [ast.Eq()], [ast.Constant(key) | ast.Tuple([ast.Constant(key), *_])]
            ):
                if "failing" in ast.unparse(left):
                    yield key


def test_every_link_is_broken_by_a_test():
    files = Path(__file__).parent.glob("test_verify*.py")
    # What STS and S3 say themselves fails with the link that explains it.
    of_calls = {"assume", "caller", "inside", "data", "refused"}
    explained = of_calls | {f"role-b-{call}" for call in of_calls} | {"role-a-refused"}
    assert LINKS.keys() - {key for file in files for key in broken_in(file)} - explained == set()


def test_what_was_deleted_is_created(workload):
    """The OIDC provider in the role's account, though another account has one."""
    session, arn = workload.session, workload.world.provider_arn
    issuer = {"Url": session.state.issuer_url, "ClientIDList": [STS_AUDIENCE]}
    session.aws("iam", ACCOUNT_B).create_open_id_connect_provider(**issuer)
    session.aws("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    session.cluster.delete(ServiceAccount, NAME, namespace=workload.namespace)
    workload.delete_role()
    remedied(
        workload,
        ("service-account", "no such service account"),
        ("provider", f"account {ACCOUNT_A} has no such"),
        ("role", "no such role"),
        ("permissions", "the role has no policy"),
    )


def test_what_is_wrong_is_corrected(workload):
    """From the annotations to the client id, and the subject of the trust policy."""
    misspelt = {"eks.amazonaws.com/rolearn": workload.role_arn, AUDIENCE_ANNOTATION: "vault"}
    workload.service_account(misspelt)
    workload.restart()
    provider = {"OpenIDConnectProviderArn": workload.world.provider_arn}
    iam = workload.session.aws("iam")
    iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID=STS_AUDIENCE)
    other = json.dumps(workload.trust_policy).replace(f":{workload.namespace}:", ":other:")
    workload.set_trust(json.loads(other))
    remedied(
        workload,
        ("annotation", "the annotation is misspelt: eks.amazonaws.com/rolearn"),
        ("audience", "the service account asks for another audience"),
        ("audience", "its client ids are none"),
        ("trust", "the policy says 'system:serviceaccount:other:app'"),
    )


def test_a_wrong_account_in_the_annotation_is_corrected(workload):
    wrong = workload.role_arn.replace(ACCOUNT_A, "222233334444")
    workload.service_account({ROLE_ARN_ANNOTATION: wrong})
    workload.restart()
    found = f"{wrong}; {workload.role_arn} trusts"
    remedied(workload, ("annotation", found), more=("--role-arn", ""))


def test_denies_are_taken_back_and_a_policy_of_an_administrator_is_detached(workload):
    """The bucket's makes an exception."""
    workload.put_policy(document(deny("s3:*", "*")), "guard")
    of_roles = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_A}:role/*"}}
    bucket, more = workload.bucket, {"Principal": "*", "Condition": of_roles}
    policy = json.dumps(document(deny("s3:ListBucket", bucket_arn(bucket), **more)))
    workload.session.aws("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    arn = aws_policy_arn("AdministratorAccess")
    workload.session.aws("iam").attach_role_policy(RoleName=workload.namespace, PolicyArn=arn)
    remedied(
        workload,
        ("permissions", "an explicit deny"),
        ("permissions", "resource policy, statement 1"),
        ("refused", "the role can list IAM users"),
    )


def test_a_remedy_that_lets_a_neighbour_in_would_be_noticed(workload):
    everyone = json.dumps(workload.trust_policy).replace("StringEquals", "StringLike")
    everyone = everyone.replace(f":{workload.namespace}:{NAME}", f":{workload.namespace}:*")
    with (
        pytest.raises(AssertionError, match="worker-1"),
        nothing_gained(workload.session, workload.namespace),
    ):
        workload.set_trust(json.loads(everyone))


def test_the_namespace_that_is_going_is_named_and_not_a_permission(workload):
    cluster, namespace = workload.session.cluster, workload.namespace
    kept = {"metadata": {"finalizers": ["irsa.test/kept"]}}
    cluster.patch(ServiceAccount, NAME, kept, namespace=namespace)
    cluster.delete(Namespace, namespace)

    link = link_of(workload.verify().chains[0], "token")

    assert (link["status"], link["commands"]) == ("unknown", [])
    assert "because it is being terminated" in link["found"]
    assert link["remedy"].startswith("wait until the namespace is gone")


def test_the_token_of_a_file_is_judged_or_the_file_is_one_line(workload, tmp_path):
    file, session = tmp_path / "token", workload.session
    file.write_text(session.expired(session.token(workload.namespace, NAME)))
    [result] = workload.verify("--token-file", str(file)).chains
    assert (result["failing_link"], link_of(result, "token")["found"][:12]) == (
        "token",
        "ExpiredToken",
    )
    file.write_text("no.jwt")

    done = workload.verify("--token-file", str(file))

    assert (done.code, done.err) == (2, f"irsa verify: {done.json['problem']}\n")
