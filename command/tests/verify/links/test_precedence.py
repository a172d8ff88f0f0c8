"""The link `precedence`: what wins over the role in a container, as SDKs see it.

What SDKs do in each breakage was tried with the AWS CLI, boto3, JavaScript v3 and Go v2.
"""

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command.tests.verify import pods
from command.tests.verify.chains import SESSION, UNREAD, links, statuses
from command.tests.verify.commands import SET_ENV
from command.tests.verify.pods import FROM_A, A, config, container, pod, spec, with_config, with_env
from irsa.observe.pod_spec import references, with_fields
from irsa.verify.link import Remedy, Status
from irsa.verify.links.precedence import REGIONS
from irsa.verify.remedies.pod import AT_ADMISSION
from irsa_core.identity.regions import partition_of_region
from tests.support.world import ROLE_B_ARN

FROM_ENVIRONMENT = "credential_source = Environment\n"
TO_B = f"[default]\nrole_arn = {ROLE_B_ARN}\n"
A_BEFORE = A.replace("s3-app", "before")
BOTH = "contains both source_profile and credential_source"
PROFILE_OF_IMAGE = (("AWS_CONFIG_FILE", "/opt/aws/config"), ("AWS_PROFILE", "B"))
KEYS_OF_SECRET = container("app", envFrom=[{"secretRef": {"name": "keys"}}])
SECRET = {"objects": {("Secret", "keys"): UNREAD}}
INSIDE, URL = "ask inside the Pod, with --exec", "http://127.0.0.1:9"
ALIAS = {"ip": "10.0.0.9", "hostnames": ["sts.us-east-1.amazonaws.com"]}
KEY_OF_SECRET = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
PROFILES = [("AWS_PROFILE", "legacy"), ("AWS_PROFILE", ""), ("AWS_DEFAULT_PROFILE", "")]
WINNING = [*PROFILES, ("AWS_ACCESS_KEY_ID", "x"), ("AWS_ACCESS_KEY_ID", KEY_OF_SECRET)]
HTTPS = {"ports": [{"port": 443}]}
DNS = {"ports": [{"port": 53, "protocol": "UDP"}], "to": [{"namespaceSelector": {}}]}
LOCKED = {"metadata": {"name": "locked"}}
KUBE_SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}


@pytest.mark.cases(("text", "found"), {
    "credentials of the environment": (f"{TO_B}region = us-east-1\n{FROM_ENVIRONMENT}",
        "credential_source Environment"),
    "two sources": (f"[default]\n{FROM_A}{FROM_ENVIRONMENT}{A}", BOTH),
    "no source": (TO_B, "neither source_profile nor"),
    "each the other's source":
        (f"[default]\n{FROM_A}[profile A]\n{FROM_A.replace('= A', '= default')}", "its own source"),
    "unknown source": (f"[default]\n{FROM_A}", "source_profile A, which is no profile"),
    "source without credentials": (f"[default]\n{FROM_A}[profile A]\nregion = x\n", "no cred"),
    "static key": ("[default]\naws_access_key_id = AKIA\n", "a static key"),
    "process": ("[default]\ncredential_process = x\n", "a credential_process"),
    "role B by the token": (TO_B + A.splitlines()[-1],
        f"it leads to {ROLE_B_ARN}; the SDK for JavaScript"),
    "another role before": (f"[default]\n{FROM_A}{A_BEFORE}", "role/before"),
})  # fmt: skip
def test_a_default_profile_that_wins_over_the_variables_is_taken_out(text, found):
    link = links(pod(with_config()), **config(text))["precedence"]
    assert link.status is Status.FAILED
    assert link.found.startswith("the profile [default]: ")
    assert found in link.found
    assert link.remedy.shell == ()
    assert link.remedy.text.endswith(" out of the profile [default]")


@pytest.mark.cases(("text", "status"), {
    "region": (f"[default]\nregion = us-east-1\n{A}", Status.PASSED),
    "same-role": (A.replace("[profile A]", "[default]"), Status.PASSED),
    "no-default": (A, Status.PASSED),
    "crlf": ("[default]\r\nregion=x\r\n", Status.PASSED),
    "twice": ("[profile A]\n[profile A]\n", Status.FAILED),
    "byte-order-mark": ("\ufeff[default]\nregion=x", Status.FAILED),
})  # fmt: skip
def test_a_config_file_that_leaves_the_role_or_that_no_parser_takes(text, status):
    link = links(pod(with_config()), **config(text))["precedence"]
    assert (link.status, link.remedy.shell) == (status, ())


def test_a_profile_that_goes_on_to_another_role_is_asked_about():
    found = pod(with_config(("AWS_PROFILE", "B")))
    changes = config(f"{A}[profile B]\n{FROM_A}[profile C]\n{FROM_A}")

    link = links(found, **changes)["precedence"]
    asked = {links(found, profile=each, **changes)["precedence"].status for each in "BC"}

    assert link.status is Status.UNKNOWN
    assert link.remedy.text == "if that is intended, ask with --profile B"
    assert asked == {Status.PASSED}


@pytest.mark.cases(("made", "changes", "found", "text"), {
    "profile of the image": (with_env(*PROFILE_OF_IMAGE), {}, "", INSIDE),
    "keys of a Secret": (pod(spec(KEYS_OF_SECRET)), SECRET, "", "grant a permission"),
    "unknown region": (with_env(("AWS_REGION", "us-esat-1")), {}, "us-esat-1", INSIDE),
    "endpoint of STS": (with_env(("AWS_ENDPOINT_URL_STS", URL)), {}, URL, INSIDE),
    "proxy": (with_env(("https_proxy", URL)), {}, URL, INSIDE),
    "host alias of STS": (pod(spec(container("app"), hostAliases=[ALIAS])), {},
        "hostAliases send sts.us-east-1.amazonaws.com to 10.0.0.9", INSIDE),
})  # fmt: skip
def test_what_is_not_certain_is_asked_inside_the_pod(made, changes, found, text):
    link = links(made, **changes)["precedence"]
    assert (link.status, found in link.found, link.remedy.text) == (Status.UNKNOWN, True, text)
    assert not found or links(made, inside=SESSION)["precedence"].status is Status.PASSED


@pytest.mark.parametrize("kind", ["deployment", "job"])
@pytest.mark.parametrize(("name", "value"), WINNING)
def test_a_profile_that_is_nowhere_or_an_access_key_wins_over_the_role(name, value, kind):
    link = links(with_env((name, value), kind=kind))["precedence"]
    # A Job's template cannot be changed.
    commands = () if kind == "job" else (f"{SET_ENV} {name}-",)
    assert (link.status, link.remedy.shell) == (Status.FAILED, commands)


@pytest.mark.parametrize("others", [[], [{"name": "AWS_PROFILE", "value": "own"}]])
def test_a_variable_that_admission_adds_stays_in_no_template(others):
    found = with_env(("AWS_PROFILE", "legacy"))
    found.template["spec"]["containers"][0]["env"] = others
    link = links(found)["precedence"]
    assert (link.status, link.remedy) == (Status.FAILED, Remedy(AT_ADMISSION))


def test_an_object_keeps_its_keys_as_others_may_take_them():
    own = pod(spec(container(envFrom=[{"configMapRef": {"name": "shared"}}])))
    keys = {("ConfigMap", "shared"): {"AWS_ACCESS_KEY_ID": "AKIA", "COLOR": "red"}}
    remedy = links(own, objects=keys)["precedence"].remedy
    kept = "remove them: AWS_ACCESS_KEY_ID of ConfigMap shared, which others may take too"
    assert remedy == Remedy(kept)


def test_keys_in_an_init_container_are_taken_out_of_its_list():
    init = container("init", ("AWS_ACCESS_KEY_ID", "AKIA"), ("LEVEL", "1"))
    link = links(pod(spec(container(), initContainers=[init])))["precedence"]
    patch = '"path":"/spec/template/spec/initContainers/0/env","value":[{"name":"LEVEL"'
    assert link.found.startswith("Pod app-1, container init: ")
    assert patch in link.remedy.shell[0]


def precedence(*variables, **changes):
    return links(with_env(*variables), **changes)["precedence"]


KEYS_FILE = ("AWS_SHARED_CREDENTIALS_FILE", "/etc/aws/credentials")
WITH_KEYS = container("app", KEYS_FILE, volumeMounts=[pods.AWS_MOUNT])
KEYS_VOLUME = {"name": "aws", "secret": {"secretName": "keys"}}
KEYS = {("Secret", "keys"): {"credentials": "[default]\naws_access_key_id = (not kept)\n"}}
OF_TOKEN = [each for each in pods.INJECTED["env"] if "REGION" not in each["name"]]
FROM_MAP = container("app", env=OF_TOKEN, envFrom=[{"configMapRef": {"name": "env"}}])
LINES = {("ConfigMap", "env"): dict.fromkeys(REGIONS, "us-east-1\n")}


@pytest.mark.cases(("made", "objects", "found", "changes"), {
    "session name with spaces": (with_env(("AWS_ROLE_SESSION_NAME", "reports / prod")), {},
        "'reports / prod' must be 2 to 64", ["AWS_ROLE_SESSION_NAME-"]),
    "zone for a region": (with_env(("AWS_REGION", "us-east-1a")), {},
        "an availability zone of region us-east-1", ["AWS_REGION=us-east-1"]),
    "zone for a default region": (with_env(("AWS_DEFAULT_REGION", "eu-west-2c")), {},
        "zone of region eu-west-2", ["AWS_DEFAULT_REGION=eu-west-2"]),
    "region with a line break": (with_env(("AWS_REGION", "us-east-1\n")), {},
        r"'us-east-1\n' has white space", ["AWS_REGION=us-east-1"]),
    "regions of a ConfigMap": (pod(spec(FROM_MAP)), LINES, "has white space around the region",
        ["AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"]),
    "keys of a mounted file": (pod(spec(WITH_KEYS, volumes=[KEYS_VOLUME])), KEYS,
        "the SDK for JavaScript takes it before the role", []),
})  # fmt: skip
def test_what_is_wrong_for_certain_is_corrected_in_the_template(made, objects, found, changes):
    link = links(made, objects=objects, inside=SESSION)["precedence"]
    assert (link.status, found in link.found) == (Status.FAILED, True), link.found
    assert link.remedy.shell == tuple(f"{SET_ENV} {change}" for change in changes)


@pytest.mark.cases("variables", {
    "empty keys": [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")],
    "session token alone": [("AWS_SESSION_TOKEN", "x")],
    "secret key alone": [("AWS_SECRET_ACCESS_KEY", "x")],
    "agent's URI": [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/")],
    "session name": [("AWS_ROLE_SESSION_NAME", "reports@prod")],
    "regions that agree": [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1")],
    "empty endpoint": [("AWS_ENDPOINT_URL_STS", "")],
    "ignored endpoint": [("AWS_ENDPOINT_URL", URL),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
    "proxy, not for AWS": [("HTTPS_PROXY", URL), ("NO_PROXY", "10.0.0.0/8,.amazonaws.com")],
    "proxy, for no host": [("HTTPS_PROXY", URL), ("no_proxy", "*")],
})  # fmt: skip
def test_variables_that_change_nothing_pass(variables):
    assert statuses(links(with_env(*variables))) == {}


def test_a_call_inside_settles_what_concerns_sts_in_its_container():
    url, sts = ("AWS_ENDPOINT_URL", URL), ("AWS_ENDPOINT_URL_STS", URL)
    assert precedence(url, inside=SESSION).status is Status.UNKNOWN  # of S3 as well
    assert precedence(url, inside=SESSION, bucket="").status is Status.PASSED
    two = pod(spec(container("app"), container("work", sts)))
    link = links(two, inside=SESSION)["precedence"]
    assert (link.status, "container work" in link.found) == (Status.UNKNOWN, True), link.found


@pytest.mark.cases(("rules", "fields", "status"), {
    "all": ([{}], {}, Status.PASSED),
    "DNS and HTTPS": ([DNS, HTTPS], {}, Status.PASSED),
    "HTTPS to all addresses": ([DNS, {**HTTPS, "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], {},
        Status.PASSED),
    "HTTPS to private addresses": ([DNS, {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], **HTTPS}],
        {}, Status.UNKNOWN),
    "HTTPS alone": ([HTTPS], {}, Status.UNKNOWN),
    "nothing": ([], {}, Status.UNKNOWN),
    "ingress alone": ([], {"policyTypes": ["Ingress"]}, Status.PASSED),
    "other Pods": ([], {"podSelector": {"matchLabels": {"app": "other"}}}, Status.PASSED),
    "these Pods": ([], {"podSelector": {"matchLabels": {"app": "this"}}}, Status.UNKNOWN),
})  # fmt: skip
def test_a_network_policy_lets_the_pod_out_for_certain_or_is_named(rules, fields, status):
    chosen = {"podSelector": {}, "policyTypes": ["Egress"], "egress": rules, **fields}
    own = pod(spec(container("app")), labels={"app": "this"})
    link = links(own, network_policies=({"spec": chosen, **LOCKED},))["precedence"]
    named = "NetworkPolicy locked may not let the Pod out to " in link.found
    assert (link.status, named) == (status, status is Status.UNKNOWN)


@pytest.mark.cases("space", {"kube-system": KUBE_SYSTEM, "another": {"team": "a"}, "any": {}})
@pytest.mark.cases("labels", {"CoreDNS": {"k8s-app": "kube-dns"}, "db": {"app": "db"}, "all": {}})
@pytest.mark.cases("spaces", {"with namespaces": True, "own namespace alone": False})
def test_a_network_policy_opens_53_to_core_dns_or_is_named(space, labels, spaces):
    peer = {"podSelector": {"matchLabels": labels}}
    peer |= {"namespaceSelector": {"matchLabels": space}} if spaces else {}
    opened = {"podSelector": {}, "egress": [{**DNS, "to": [peer]}, HTTPS]}
    link = links(network_policies=({"spec": opened, **LOCKED},))["precedence"]
    opens = spaces and "team" not in space and "app" not in labels
    assert (link.status is Status.PASSED) is opens


def test_network_policies_add_up_and_spare_the_host_network():
    shut = {"podSelector": {}, "policyTypes": ["Egress"], "egress": []}
    policy, other = ({"spec": {**shut, "egress": each}, **LOCKED} for each in ([], [{}]))
    host = pod(spec(container("app"), hostNetwork=True))

    assert links(network_policies=(policy, other))["precedence"].status is Status.PASSED
    assert links(host, network_policies=(policy,))["precedence"].status is Status.PASSED
    unread = links(network_policies=UNREAD)["precedence"]
    assert (unread.status, UNREAD.text in unread.found) == (Status.UNKNOWN, True), unread.found


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_a_region_is_of_the_role_s_partition(region, partition):
    role_arn = ROLE_B_ARN.replace("aws", partition)
    link = precedence(*((each, region) for each in REGIONS), expected_role=role_arn)
    fits = partition_of_region(region) == partition
    assert link.status is (Status.PASSED if fits else Status.FAILED)


@pytest.mark.cases("end", {"folder": "", "config": "/config", "credentials": "/credentials"})
@pytest.mark.parametrize(
    "kind", ["csi", "hostPath", "persistentVolumeClaim", "emptyDir", "configMap"]
)
def test_a_volume_at_the_home_s_folder_is_read_or_not_known(end, kind):
    mount = {"name": "v", "mountPath": f"/root/.aws{end}", "subPath": end[1:]}
    own = container("app", volumeMounts=[mount])
    made = pod(spec(own, volumes=[{"name": "v", kind: {"name": "v"}}]))
    link = links(made, objects={("ConfigMap", "v"): {}})["precedence"]
    known = kind in ("emptyDir", "configMap")
    assert link.status is (Status.PASSED if known else Status.UNKNOWN)


@pytest.mark.parametrize("path", ["/etc/ssl/ca.pem", "/etc/aws/ca.pem", "/etc/aws/no.pem"])
def test_a_bundle_of_certificates_is_on_a_volume_or_not_known(path):
    own, objects = with_config(("AWS_CA_BUNDLE", path)), {("ConfigMap", "aws"): {"ca.pem": ""}}
    here, inside = (links(pod(own), objects=objects, **e) for e in ({}, {"inside": SESSION}))
    assert (here["precedence"].status is Status.PASSED) is (path == "/etc/aws/ca.pem")
    assert inside["precedence"].status is Status.PASSED
    assert (path[-6:] in str(references(own))) is path.startswith("/etc/aws")


@given(st.text("ab-.", min_size=1, max_size=20), st.text("ab-", min_size=1, max_size=40))
def test_a_session_name_of_the_pod_s_own_fields_is_judged_as_sts_does(space, name):
    refs = {"N": "metadata.namespace", "P": "metadata.name"}
    env = [(each, {"valueFrom": {"fieldRef": {"fieldPath": path}}}) for each, path in refs.items()]
    text = "app:$(N).$(P)" if "aa" in name else "app-$(N).$(P)"
    made = with_env(*env, ("AWS_ROLE_SESSION_NAME", text))
    document = {"metadata": {"namespace": space, "name": name}, "spec": deepcopy(made.spec)}
    link = links(replace(made, spec=with_fields(document)))["precedence"]
    taken = ":" not in text and len(f"app-{space}.{name}") <= 64
    assert link.status is (Status.PASSED if taken else Status.FAILED)
