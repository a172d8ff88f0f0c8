"""`verify` never says "passed" where botocore sends a call elsewhere, or a name decides."""

import functools
import itertools
import os
from copy import deepcopy
from dataclasses import replace
from unittest import mock

import botocore.credentials
import botocore.loaders
import botocore.session
import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS
from botocore.exceptions import BotoCoreError
from botocore.utils import get_environ_proxies
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.verify import chains
from command.tests.verify.chains import GOOD, GOOD_EKS, ROLE, SESSION, UNMADE, links
from command.tests.verify.pods import config, pod, with_config
from irsa.access import trusts_token
from irsa.observe.facts import PermissionsPolicy
from irsa.verify.link import Status
from irsa.verify.links.injection import injection
from irsa.verify.links.precedence import FILE_HOSTS, precedence
from irsa_core.decide.condition_keys import OF_PLACE
from irsa_core.decide.truth import Verdict
from irsa_core.identity.eks import CREDENTIALS_URI
from irsa_core.identity.policy_json import statements
from tests.support.world import NOW

REGIONS = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
URL = "http://127.0.0.1:9"
VALUES = {
    "AWS_ENDPOINT_URL": [URL],
    "AWS_ENDPOINT_URL_STS": [URL, "https://sts.internal"],
    "AWS_ENDPOINT_URL_S3": [URL],
    "AWS_ENDPOINT_URL_DYNAMODB": [URL],
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": ["true", "false"],
    "AWS_USE_FIPS_ENDPOINT": ["true", "false"],
    "AWS_USE_DUALSTACK_ENDPOINT": ["true", "false"],
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ["/v2/credentials"],
    "HTTP_PROXY": [URL],
    "HTTPS_PROXY": [URL],
    "https_proxy": [URL],
    "Https_Proxy": [URL],
    "ALL_PROXY": [URL],
    "all_proxy": [URL],
    "NO_PROXY": ["*", "", ".amazonaws.com", "169.254.170.23", "*.amazonaws.com,169.254.170.23",
                 "s3.us-east-1.amazonaws.com,sts.us-east-1.amazonaws.com",
                 "169.254.0.0/16,s3.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"],
    "no_proxy": ["*", "amazonaws.com,169.254.170.23", ""],
}  # fmt: skip
variables = st.lists(st.sampled_from(list(VALUES)), max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in names})
)
_loader = botocore.loaders.create_loader()
JAVA, BOTO = "aws-sdk-java-1795561309", "botocore-session-1795561309"
NAMES = [BOTO, JAVA, "aws-go-sdk-1", "irsa-verify"]


@functools.cache
def endpoint(service: str, env: frozenset[tuple[str, str]]) -> str:
    """The address to which botocore sends the calls of a service."""
    with mock.patch.dict(os.environ, {**REGIONS, **dict(env)}, clear=True):
        session = botocore.session.Session()
        session.register_component("data_loader", _loader)
        client = session.create_client(service, aws_access_key_id="a", aws_secret_access_key="b")
        client.close()
        return client.meta.endpoint_url


def goes_elsewhere(env: dict[str, str], services: list[str], *, agent: bool) -> bool:
    """Return whether botocore sends one of these calls to another host, or through a proxy."""
    pairs = frozenset((name, value) for name, value in env.items() if name.startswith("AWS_"))
    for service in services:
        if endpoint(service, pairs) != endpoint(service, frozenset()):
            return True
    urls = [endpoint(service, frozenset()) for service in services]
    with mock.patch.dict(os.environ, env, clear=True):
        if any("https" in get_environ_proxies(url) for url in urls):
            return True
        provider = botocore.credentials.ContainerProvider(env)
        proxied = "http" in get_environ_proxies(CREDENTIALS_URI)
        return agent and (proxied or provider._provided_relative_uri())


def pod_with(facts, env, *, from_config_map):
    """The Pod, whose container has the variables in its template, or by envFrom."""
    [pod] = facts.pods
    spec = deepcopy(pod.spec)
    if from_config_map:
        spec["containers"][0]["envFrom"] = [{"configMapRef": {"name": "env"}}]
    else:
        spec["containers"][0]["env"] += [{"name": n, "value": v} for n, v in env.items()]
    return replace(pod, spec=spec)


@settings(deadline=None, max_examples=150)
@given(variables, st.booleans(), st.booleans(), st.sampled_from(["", "bucket"]), st.booleans())
def test_a_variable_that_sends_botocore_elsewhere_never_passes(env, by_eks, whole, bucket, inside):
    facts = GOOD_EKS if by_eks else GOOD
    pod = pod_with(facts, env, from_config_map=whole)
    # A call inside the Pod is STS's alone.
    services = [*(["s3"] if bucket else []), *([] if by_eks or inside else ["sts"])]
    answer = {"inside": SESSION} if inside else {}
    objects = {("ConfigMap", "env"): env} if whole else {}

    link = links(pod, facts=facts, objects=objects, bucket=bucket, **answer)["precedence"]

    wrong = goes_elsewhere(env, services, agent=by_eks and not inside)
    if inside and any("proxy" in name.lower() for name in env):
        return  # STS answered through it
    assert not (wrong and link.status is Status.PASSED), (env, link)


@settings(deadline=None)
@given(
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["StringEquals", "StringLike", "StringNotLike", "ForAnyValue:StringLike"]),
    st.sampled_from([*NAMES, "botocore-*", "*", "irsa-*", "aws-????-*", "reports"]),
    st.sampled_from(["", *NAMES]),
)
def test_the_pod_s_session_name_decides_and_no_other(effect, operator, pattern, text):
    [statement] = deepcopy(ROLE.trust_policy["Statement"])
    guard = {operator: {"sts:RoleSessionName": pattern}}
    listed = [statement]
    if effect == "Allow":
        statement["Condition"].setdefault(operator, {}).update(guard[operator])
    else:
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": guard}
        listed.append(deny)
    role = replace(ROLE, trust_policy={"Version": "2012-10-17", "Statement": listed})
    pod = pod_with(GOOD, {"AWS_ROLE_SESSION_NAME": text} if text else {}, from_config_map=False)

    status = links(pod, role=role, calls=UNMADE)["trust"].status

    by_name = functools.partial(trusts_token, role, GOOD.token, now=NOW)
    verdicts = {by_name(session_name=name).verdict for name in ([text] if text else NAMES)}
    if status is not Status.UNKNOWN:
        assert verdicts == {Verdict.ALLOW if status is Status.PASSED else Verdict.DENY}
    assert not (text and status is Status.UNKNOWN)


TRIED = ("", "x y", "-1", "0", "3", "2097152", "true", "IPv4", URL, "legacy", "Standard",
         "when_required", "preferred", "path")  # fmt: skip
MORE = (["services", "endpoint_url"], ["REQUESTS_CA_BUNDLE", "AWS_ENDPOINT_URL"])
ROWS = {**BOTOCORE_DEFAUT_SESSION_VARIABLES, **DEFAULT_S3_CONFIG_VARS}
ROWS["services and certificates"] = MORE


def names(listed):
    """The names of a setting, of which botocore's table has none, one or several."""
    return listed if isinstance(listed, list) else [listed] * bool(listed)


@pytest.mark.parametrize("row", [name for name in ROWS if not name.startswith("csm")])
def test_what_botocore_refuses_is_named_and_what_it_takes_does_not_fail(row, tmp_path):
    """Without client-side monitoring (csm), which is not documented."""
    file, service = tmp_path / "config", "s3" if "3" in str(ROWS[row]) else "sts"
    for name, value in itertools.product([*names(ROWS[row][1]), *names(ROWS[row][0])], TRIED):
        key = name if isinstance(name, str) else f"{name[0]} =\n  {name[1]}"
        by_file = not key.isupper()
        section = "profile A" if key in FILE_HOSTS else "default"
        text, env = (f"[{section}]\n{key} = {value}\n", {}) if by_file else ("", {name: value})
        file.write_text(text)
        token = {"AWS_ROLE_ARN": ROLE.arn, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{tmp_path}/token"}
        variables = {**REGIONS, **token, "AWS_CONFIG_FILE": f"{file}", **env}
        error = ""
        with mock.patch.dict(os.environ, variables, clear=True):
            session = botocore.session.Session(include_builtin_handlers=False)
            session.register_component("data_loader", _loader)
            try:
                session.create_client(service).close()
            except (AttributeError, ValueError, BotoCoreError) as raised:
                error = str(raised)
        if by_file:
            changed = [chains.seen(GOOD, pods=[pod(with_config())], **config(text))]
        else:
            pods = [(e, pod_with(e, env, from_config_map=False)) for e in (GOOD, GOOD_EKS)]
            changed = [chains.seen(facts, pods=[one]) for facts, one in pods]
        for facts in changed:
            judged = [injection(facts), precedence(facts)]
            failed = [link for link in judged if link.status is Status.FAILED]
            said = " ".join(link.found for link in judged if link.status is not Status.PASSED)
            named = error or (by_file and key in FILE_HOSTS)
            assert key.split()[-1] in said if named else not failed, (name, value, error, judged)


def guarded(document, key, effect, **more):
    """Return the policy with a condition on the key: in its statements, or in a Deny."""
    listed, block = statements(document), {"StringLike": {key: "here"}}
    if effect == "Deny":
        deny = {"Effect": "Deny", "Condition": {"StringNotLike": {key: "here"}}, **more}
        return {"Statement": [*listed, deny]}
    return {"Statement": [{**e, "Condition": {**e.get("Condition", {}), **block}} for e in listed]}


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("key", ["aws:SourceIp", "aws:ResourceOrgID", *OF_PLACE.split()])
def test_a_call_from_here_shows_nothing_of_a_condition_on_its_place(key, effect):
    policy = guarded({"Statement": chains.ALLOW}, key, effect, Action="*", Resource="*")
    bucket = guarded({"Statement": []}, key, "Deny", Principal="*", Action="s3:*", Resource="*")
    limited = replace(ROLE, policies=(PermissionsPolicy("own", policy),))
    by_token, by_eks, by_role = (
        replace(e, trust_policy=guarded(e.trust_policy, key, effect, Principal="*", Action="sts:*"))
        for e in (ROLE, chains.ROLE_EKS, chains.role_b())
    )
    here = [
        links(role=by_token)["trust"],
        links(facts=GOOD_EKS, role=by_eks)["trust"],
        links(role=limited)["permissions"],
        links(bucket_policy=bucket)["permissions"],
        chains.chained(role_a=limited)["role-a-permission"],
        chains.chained(role=by_role)["role-b-trust"],
    ]

    by_place = key != "aws:ResourceOrgID"
    assert {link.status is Status.PASSED for link in here} == {not by_place}
    assert ("verify dev/s3-app --bucket bucket-s3-app --exec" in here[0].remedy.text) is by_place
    assert links(role=by_token, inside=SESSION)["trust"].status is Status.PASSED
