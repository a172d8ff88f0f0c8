"""Changes in the cluster, which the sandbox shows for Deployments; it runs no other controllers."""

import json
from types import SimpleNamespace

import httpx2
import pytest

from irsa.move.changes import RESTARTED_AT, Stopped, restart
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

    assert str(refused.value) == (
        "Deployment dev/app: forbidden; if it is refused, grant patch on deployments"
    )
