"""Credentials that the webhook gives to the containers of a Pod."""

import pytest

from irsa_core.identity.injection import missing

ROLE = {"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::111122223333:role/a"}
SKIPPED = "eks.amazonaws.com/skip-containers"
URI = {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23/v1"}


def pod(env, second=None, annotations=None):
    containers = [{"name": "app", "env": env}, {"name": "proxy", "env": second or env}]
    return {"metadata": {"annotations": annotations}, "spec": {"containers": containers}}


@pytest.mark.cases(("found", "wanted", "instead"), {
    "URI injected": (pod([URI]), (URI["name"],), ""),
    "role instead of the URI": (pod([ROLE]), (URI["name"],), "container app AWS_ROLE_ARN"),
    "nothing injected": (pod([{"name": "A"}]), (URI["name"],), "container app no credentials"),
    "second container has the role": (pod([URI], [ROLE]), (URI["name"],),
        "container proxy AWS_ROLE_ARN"),
    "second container skipped": (pod([URI], [ROLE], {SKIPPED: "a,proxy"}), (URI["name"],), ""),
    # A space belongs to the name, so that the webhook skips nothing here.
    "name with a space skips nothing": (pod([URI], [ROLE], {SKIPPED: "a, proxy"}), (URI["name"],),
        "container proxy AWS_ROLE_ARN"),
    "role injected": (pod([ROLE]), (ROLE["name"], ROLE["value"]), ""),
    "another role injected": (pod([ROLE]), (ROLE["name"], "another"), "container app AWS_ROLE_ARN"),
})  # fmt: skip
def test_the_first_container_without_the_credentials_is_named(found, wanted, instead):
    assert missing(found, *wanted) == (instead and f"the webhook gives {instead}")
