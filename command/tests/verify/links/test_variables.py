"""Variables of a container that keep its SDKs from a session."""

import pytest

from command.tests.verify.links.pod_scenarios import (
    UNREAD,
    config,
    container,
    links,
    pod,
    spec,
    statuses,
    with_config,
)
from irsa.observe.facts import Answer
from irsa.verify.link import Status

INSIDE = Answer(allowed=True, arn="arn:aws:sts::111122223333:assumed-role/s3-app/x")


def precedence(*variables, **changes):
    return links(pod(spec(container("app", *variables))), **changes)["precedence"]


@pytest.mark.parametrize(
    ("name", "value", "found", "change"),
    [
        ("AWS_ROLE_SESSION_NAME", "reports / prod", "'reports / prod' must be 2 to 64", "-"),
        ("AWS_ROLE_SESSION_NAME", "x", "which STS refuses", "-"),
        ("AWS_REGION", "us-east-1a", "an availability zone of region us-east-1", "=us-east-1"),
        ("AWS_DEFAULT_REGION", "eu-west-2c", "zone of region eu-west-2", "=eu-west-2"),
        ("AWS_REGION", "us-east-1\n", r"'us-east-1\n' has white space", "=us-east-1"),
        ("AWS_REGION", " us-east-1", "' us-east-1' has white space", "=us-east-1"),
    ],
)
def test_a_variable_that_sts_refuses_is_a_finding_and_corrected(name, value, found, change):
    link = precedence((name, value), inside=INSIDE)

    assert link.status is Status.FAILED
    assert found in link.found
    assert link.remedy.shell == (f"kubectl set env deployment/app --namespace dev {name}{change}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", "us-esat-1"),
        ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://proxy.internal:3128"),
        ("https_proxy", "http://proxy.internal:3128"),
    ],
)
def test_what_may_not_answer_is_asked_inside_the_pod(name, value):
    link = precedence((name, value))

    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask inside the Pod, with --exec")
    assert value in link.found
    assert precedence((name, value), inside=INSIDE).status is Status.PASSED


@pytest.mark.parametrize(
    "variables",
    [
        [("AWS_ROLE_SESSION_NAME", "reports@prod")],
        [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1")],
        [("AWS_ENDPOINT_URL_STS", "")],
        [("AWS_ENDPOINT_URL", "http://x"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
        [("HTTPS_PROXY", "http://x"), ("NO_PROXY", "10.0.0.0/8,.amazonaws.com")],
        [("HTTPS_PROXY", "http://x"), ("no_proxy", "*")],
    ],
)
def test_variables_that_change_nothing_pass(variables):
    assert statuses(links(pod(spec(container("app", *variables))))) == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[profile A]\nendpoint_url = http://127.0.0.1:9\n", "endpoint_url"),
        ("[default]\nservices = dev\n[services dev]\ns3 =\n  endpoint_url = x\n", "services"),
        ("[default]\nuse_fips_endpoint=true\n", "use_fips_endpoint"),
    ],
)
def test_a_config_file_that_changes_where_calls_go_is_not_passed(text, name):
    link = links(pod(with_config()), **config(text))["precedence"]

    assert link.status is Status.UNKNOWN
    assert name in link.found


def test_a_call_inside_settles_what_concerns_sts_in_its_container():
    url = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    sts = ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")

    assert precedence(url, inside=INSIDE).status is Status.UNKNOWN  # of S3 as well
    assert precedence(url, inside=INSIDE, bucket="").status is Status.PASSED
    two = pod(spec(container("app"), container("work", sts)))
    link = links(two, inside=INSIDE)["precedence"]
    assert (link.status, "container work" in link.found) == (Status.UNKNOWN, True)


HTTPS = {"ports": [{"port": 443}]}
DNS = {"ports": [{"port": 53, "protocol": "UDP"}], "to": [{"namespaceSelector": {}}]}
BLOCK = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
PRIVATE = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], **HTTPS}


@pytest.mark.parametrize(
    ("rules", "fields", "status"),
    [
        ([{}], {}, Status.PASSED),
        ([DNS, HTTPS], {}, Status.PASSED),
        ([DNS, {**HTTPS, **BLOCK}], {}, Status.PASSED),
        ([DNS, PRIVATE], {}, Status.UNKNOWN),
        ([HTTPS], {}, Status.UNKNOWN),
        ([], {}, Status.UNKNOWN),
        ([], {"policyTypes": ["Ingress"]}, Status.PASSED),
        ([], {"podSelector": {"matchLabels": {"app": "other"}}}, Status.PASSED),
        ([], {"podSelector": {"matchLabels": {"app": "this"}}}, Status.UNKNOWN),
    ],
)
def test_a_network_policy_lets_the_pod_out_for_certain_or_is_named(rules, fields, status):
    chosen = {"podSelector": {}, "policyTypes": ["Egress"], "egress": rules, **fields}
    policy = {"metadata": {"name": "locked"}, "spec": chosen}
    own = pod(spec(container("app")), labels={"app": "this"})

    link = links(own, network_policies=(policy,))["precedence"]

    assert (link.status, "NetworkPolicy locked" in link.found) == (status, status is Status.UNKNOWN)
    other = {**policy, "spec": {**chosen, "egress": [{}]}}
    both = links(own, network_policies=(policy, other))["precedence"]
    assert both.status is Status.PASSED
    unread = links(own, network_policies=UNREAD)["precedence"]
    assert (unread.status, UNREAD.text in unread.found) == (Status.UNKNOWN, True)
    free = pod(spec(container("app"), hostNetwork=True))
    assert links(free, network_policies=(policy,))["precedence"].status is Status.PASSED
