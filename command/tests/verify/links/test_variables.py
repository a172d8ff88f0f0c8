"""Variables of a container that keep its SDKs from a session."""

import pytest

from command.tests.verify.scenarios import (
    REGIONS,
    SESSION,
    SET_ENV,
    UNREAD,
    config,
    container,
    links,
    pod,
    spec,
    statuses,
    with_config,
    with_variables,
)
from irsa.verify.link import Status

URL = "http://127.0.0.1:9"


def precedence(*variables, **changes):
    return links(with_variables(*variables), **changes)["precedence"]


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
    link = precedence((name, value), inside=SESSION)

    assert link.status is Status.FAILED
    assert found in link.found
    assert link.remedy.shell == (f"{SET_ENV} {name}{change}",)


def test_a_region_with_white_space_from_a_config_map_is_set_in_the_template():
    names = [each["name"] for each in REGIONS]
    own = container("app", envFrom=[{"configMapRef": {"name": "env"}}])
    own["env"] = [each for each in own["env"] if each not in REGIONS]
    values = dict.fromkeys(names, "us-east-1\n")

    link = links(pod(spec(own)), objects={("ConfigMap", "env"): values})["precedence"]

    assert "has white space around the region" in link.found
    assert link.remedy.shell == (f"{SET_ENV} AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", "us-esat-1"),
        ("AWS_ENDPOINT_URL_STS", URL),
        ("HTTPS_PROXY", URL),
        ("https_proxy", URL),
    ],
)
def test_what_may_not_answer_is_asked_inside_the_pod(name, value):
    link = precedence((name, value))

    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask inside the Pod, with --exec")
    assert value in link.found
    assert precedence((name, value), inside=SESSION).status is Status.PASSED


@pytest.mark.parametrize(
    "variables",
    [
        [("AWS_ROLE_SESSION_NAME", "reports@prod")],
        [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1")],
        [("AWS_ENDPOINT_URL_STS", "")],
        [("AWS_ENDPOINT_URL", URL), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
        [("HTTPS_PROXY", URL), ("NO_PROXY", "10.0.0.0/8,.amazonaws.com")],
        [("HTTPS_PROXY", URL), ("no_proxy", "*")],
    ],
)
def test_variables_that_change_nothing_pass(variables):
    assert statuses(links(with_variables(*variables))) == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"[profile A]\nendpoint_url = {URL}\n", "endpoint_url"),
        ("[default]\nservices = dev\n[services dev]\ns3 =\n  endpoint_url = x\n", "services"),
        ("[default]\nuse_fips_endpoint=true\n", "use_fips_endpoint"),
    ],
)
def test_a_config_file_that_changes_where_calls_go_is_not_passed(text, name):
    link = links(pod(with_config()), **config(text))["precedence"]
    assert (link.status, name in link.found) == (Status.UNKNOWN, True)


def test_a_call_inside_settles_what_concerns_sts_in_its_container():
    url, sts = ("AWS_ENDPOINT_URL", URL), ("AWS_ENDPOINT_URL_STS", URL)

    assert precedence(url, inside=SESSION).status is Status.UNKNOWN  # of S3 as well
    assert precedence(url, inside=SESSION, bucket="").status is Status.PASSED
    two = pod(spec(container("app"), container("work", sts)))
    link = links(two, inside=SESSION)["precedence"]
    assert (link.status, "container work" in link.found) == (Status.UNKNOWN, True)


def test_a_host_alias_of_sts_is_not_passed():
    alias = {"ip": "10.0.0.9", "hostnames": ["sts.us-east-1.amazonaws.com"]}
    link = links(pod(spec(container("app"), hostAliases=[alias])))["precedence"]
    assert link.status is Status.UNKNOWN
    assert "hostAliases send sts.us-east-1.amazonaws.com to 10.0.0.9" in link.found


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

    named = "NetworkPolicy locked may not let the Pod out to " in link.found
    assert (link.status, named) == (status, status is Status.UNKNOWN)


def test_network_policies_add_up_and_spare_the_host_network():
    shut = {"podSelector": {}, "policyTypes": ["Egress"], "egress": []}
    policy = {"metadata": {"name": "locked"}, "spec": shut}
    other = {**policy, "spec": {**shut, "egress": [{}]}}
    host = pod(spec(container("app"), hostNetwork=True))

    assert links(network_policies=(policy, other))["precedence"].status is Status.PASSED
    assert links(host, network_policies=(policy,))["precedence"].status is Status.PASSED
    unread = links(network_policies=UNREAD)["precedence"]
    assert (unread.status, UNREAD.text in unread.found) == (Status.UNKNOWN, True)
