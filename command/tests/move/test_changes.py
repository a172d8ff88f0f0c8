"""Changes in the cluster, which the sandbox shows for Deployments; it runs no other controllers."""

import json
from types import SimpleNamespace

import httpx2
import pytest
from botocore.exceptions import ClientError

from command.tests.move.moves import BY_TOKEN, trusting
from irsa.move.changes import RESTARTED_AT, Stopped, permitted, restart, set_trust
from irsa.observe.facts import Owner
from tests.support.fake_kubernetes import client_of, status


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset"])
def test_a_controller_is_restarted_by_the_annotation_of_its_template(kind):
    asked = []

    def api(request):
        asked.append((request.method, request.url.path, json.loads(request.content)))
        spec = {"selector": {}, "template": {}, "serviceName": "app"}
        return httpx2.Response(200, json={"metadata": {"name": "app"}, "spec": spec})

    restart(SimpleNamespace(client=client_of(api)), "dev", Owner(kind, "app"))

    [(method, path, body)] = asked
    assert (method, path) == ("PATCH", f"/apis/apps/v1/namespaces/dev/{kind}s/app")
    assert [*body["spec"]["template"]["metadata"]["annotations"]] == [RESTARTED_AT]


def test_a_refused_change_names_the_permission():
    cluster = SimpleNamespace(client=client_of(lambda _: status(403, "forbidden")))

    with pytest.raises(Stopped) as refused:
        restart(cluster, "dev", Owner("deployment", "app"))

    assert str(refused.value) == "Deployment dev/app: forbidden; grant patch on deployments"


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("AccessDenied", "grant iam:UpdateAssumeRolePolicy"),
        ("AccessDeniedException", "grant iam:UpdateAssumeRolePolicy"),
        ("LimitExceeded", "remove a statement, or have AWS raise the quota"),
        ("Throttling", "run it again"),
    ],
)
def test_a_refusal_of_aws_has_the_fix_for_its_code(code, fix):
    with pytest.raises(Stopped) as refused, permitted("role", "iam:UpdateAssumeRolePolicy"):
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "UpdateAssumeRolePolicy")

    assert str(refused.value).endswith(f"; {fix}")


def test_a_trust_policy_is_edited_as_it_is_now_if_it_differs():
    written = []
    iam = SimpleNamespace(
        get_role=lambda **_: {"Role": {"AssumeRolePolicyDocument": {"Version": "now"}}},
        update_assume_role_policy=lambda **wanted: written.append(wanted["PolicyDocument"]),
    )
    aws, role = SimpleNamespace(client=lambda _: iam), trusting(BY_TOKEN)

    set_trust(aws, role, lambda found: {**found.trust_policy, "Id": "x"})
    set_trust(aws, role, lambda found: found.trust_policy)
    set_trust(aws, role, lambda _: None)

    assert [json.loads(each) for each in written] == [{"Version": "now", "Id": "x"}]
