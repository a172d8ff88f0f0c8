"""Every Pod and container that runs is judged: what `verify` says of Pods, from facts alone.

Labels such as H1.20 are those of the breakages that were tried by hand; what SDKs do in each was
looked at with the AWS CLI, boto3, JavaScript v3 and Go v2.
"""

import re
from copy import deepcopy
from dataclasses import replace

import pytest

from irsa.chain import chain
from irsa.chain_facts import wrong_containers
from irsa.facts import Owner, Pod, Role, ServiceAccount, Unread
from irsa.links import Status, failing_link, verdict
from irsa.pod_links import pod_links
from tests.unit.irsa.test_chain import FOLDER, GOOD, ROLE, ROLE_ARN, ROLE_B_ARN, SPEC

NOW = "2026-11-24T23:41:00Z"
BEFORE = "2026-11-24T23:40:00Z"
INJECTED = SPEC["containers"][0]
UNREAD = Unread("it", "403 Forbidden", "a permission")


def container(name="app", *env, bare=False, **fields):
    """A container as the webhook leaves it, or without its part."""
    injected = {} if bare else deepcopy(INJECTED)
    own = [{"name": n, **(v if isinstance(v, dict) else {"value": v})} for n, v in env]
    preset = {n for n, _ in env}
    kept = [e for e in injected.get("env", []) if e["name"] not in preset]
    return {**injected, "name": name, "env": own + kept, **fields}


def spec(*containers, volumes=(), **fields):
    return {"containers": list(containers), "volumes": [*SPEC["volumes"], *volumes], **fields}


def template(of, *, foreign=()):
    """What was asked for: the spec without what the webhooks added."""
    own = deepcopy(of)
    for field in ("containers", "initContainers"):
        own[field] = [c for c in own.get(field, []) if c["name"] not in foreign]
        for each in own[field]:
            each["env"] = [e for e in each.get("env", []) if e not in INJECTED["env"]]
            each.pop("volumeMounts", None) if each.get("volumeMounts") == INJECTED[
                "volumeMounts"
            ] else None
    own["volumes"] = [v for v in own["volumes"] if v["name"] != "aws-iam-token"]
    return {"spec": own}


def pod(of, name="app-1", *, foreign=(), owner="app", kind="deployment", **fields):
    made = Owner(kind, owner, template(of, foreign=foreign)) if owner else None
    return Pod(
        name,
        "s3-app",
        fields.pop("annotations", {}),
        fields.pop("labels", {}),
        of,
        fields.pop("of", made),
        **fields,
    )


def judged(*pods, **changes):
    return replace(GOOD, pods=pods, **changes)


def links(*pods, **changes):
    return {link.key: link for link in pod_links(judged(*pods, **changes))}


def statuses(found):
    return {key: link.status for key, link in found.items() if link.status is not Status.PASSED}


def test_a_pod_as_it_should_be_passes():
    assert statuses(links(pod(spec(container())))) == {}


AWS_VOLUME = [{"name": "aws", "configMap": {"name": "aws"}}]
AWS_MOUNT = [*INJECTED["volumeMounts"], {"name": "aws", "mountPath": "/etc/aws"}]


def with_config(*env):
    env = (("AWS_CONFIG_FILE", "/etc/aws/config"), *env)
    return spec(container("app", *env, volumeMounts=AWS_MOUNT), volumes=AWS_VOLUME)


def config(text):
    return {"objects": {("ConfigMap", "aws"): {"config": text}}}


OWN = f"[profile A]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {FOLDER}/token\n"
B_FROM_A = f"role_arn = {ROLE_B_ARN}\nsource_profile = A\n"

PROFILES = {
    "H1.20-credential-source": (
        (
            f"[default]\nregion = us-east-1\nrole_arn = {ROLE_B_ARN}\n"
            "credential_source = Environment\n"
        ),
        "credential_source Environment",
    ),
    "both-sources": (
        f"[default]\n{B_FROM_A}credential_source = Environment\n{OWN}",
        "contains both source_profile and credential_source",
    ),
    "role-alone": (f"[default]\nrole_arn = {ROLE_B_ARN}\n", "neither source_profile nor"),
    "no-such-source": (f"[default]\n{B_FROM_A}", "source_profile A, which is no profile"),
    "source-without-credentials": (f"[default]\n{B_FROM_A}[profile A]\nregion = x\n", "no cred"),
    "keys-for-javascript": ("[default]\naws_access_key_id = AKIA\n", "a static key"),
    "process-for-javascript": ("[default]\ncredential_process = x\n", "a credential_process"),
    "other-role-for-javascript": (
        f"[default]\nrole_arn = {ROLE_B_ARN}\nweb_identity_token_file = {FOLDER}/token\n",
        f"it is {ROLE_B_ARN}; the SDK for JavaScript",
    ),
    "from-another-role": (
        f"[default]\n{B_FROM_A}{OWN.replace('s3-app', 'before')}",
        "role/before",
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_default_profile_that_wins_over_the_variables_fails_and_is_taken_out(name):
    text, found = PROFILES[name]

    link = links(pod(with_config()), **config(text))["precedence"]

    assert link.status is Status.FAILED
    assert link.found.startswith("the profile [default]: ")
    assert found in link.found
    patched = mended(link)
    assert statuses(links(pod(with_config()), **config(patched))) == {}
    assert ("region = us-east-1" in patched) == ("region = us-east-1" in text)


def mended(link):
    """The config file in the patch that a link prints."""
    import json
    import shlex

    words = shlex.split(next(c for c in link.commands if " patch configmap " in c))
    assert link.commands[-1].startswith("kubectl rollout restart deployment/app")
    return json.loads(words[-1])["data"]["config"]


@pytest.mark.parametrize(
    "text",
    [
        f"[default]\nregion = us-east-1\n{OWN}",
        f"[default]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {FOLDER}/token\n",
        OWN,
    ],
)
def test_a_default_profile_that_changes_nothing_passes(text):
    assert statuses(links(pod(with_config()), **config(text))) == {}


def test_a_profile_that_goes_on_to_another_role_is_asked_about():
    found = pod(with_config(("AWS_PROFILE", "B")))
    changes = config(f"{OWN}[profile B]\n{B_FROM_A}")

    link = links(found, **changes)["precedence"]
    asked = links(found, profile="B", **changes)["precedence"]

    assert (link.status, link.remedy) == (
        Status.UNKNOWN,
        "ask with --profile B, if that is meant",
    )
    assert asked.status is Status.PASSED


def test_a_config_file_that_no_parser_takes_is_a_finding():
    link = links(pod(with_config()), **config("[profile A]\n[profile A]\n"))["precedence"]
    assert (link.status, link.commands) == (Status.FAILED, ())


@pytest.mark.parametrize("value", ["legacy", ""])
@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_is_nowhere_fails_also_an_empty_one(name, value):
    link = links(pod(spec(container("app", (name, value)))))["precedence"]

    assert link.status is Status.FAILED
    assert link.commands == (f"kubectl set env deployment/app --namespace dev {name}-",)


def test_a_profile_with_a_region_alone_changes_nothing():
    found = pod(with_config(("AWS_PROFILE", "e")))
    assert statuses(links(found, **config("[profile e]\nregion = us-east-1\n"))) == {}


def test_a_file_of_the_image_may_have_the_profile():
    env = (("AWS_CONFIG_FILE", "/opt/aws/config"), ("AWS_PROFILE", "B"))
    link = links(pod(spec(container("app", *env))))["precedence"]
    assert (link.status, link.remedy) == (Status.UNKNOWN, "ask inside the Pod, with --exec")


SETTINGS = [{"configMapRef": {"name": "settings"}}]


@pytest.mark.parametrize(
    ("values", "prefix", "command"),
    [
        (
            {"AWS_PROFILE": "legacy", "LOG_LEVEL": "debug"},
            "",
            (
                "kubectl patch configmap settings --namespace dev --type merge --patch "
                '\'{"data":{"AWS_PROFILE":null}}\''
            ),
        ),
        (
            {"PROFILE": "legacy"},
            "AWS_",
            (
                "kubectl patch deployment app --namespace dev --type json --patch "
                '\'[{"op":"remove","path":"/spec/template/spec/containers/0/envFrom/0"}]\''
            ),
        ),
    ],
    ids=["among-others", "alone-with-prefix"],
)
def test_h1_18_a_profile_through_env_from(values, prefix, command):
    env_from = [{**SETTINGS[0], "prefix": prefix}]
    found = pod(spec(container("app", envFrom=env_from)))

    link = links(found, objects={("ConfigMap", "settings"): values})["precedence"]

    assert link.status is Status.FAILED
    assert "AWS_PROFILE=legacy through envFrom of ConfigMap settings" in link.found
    assert link.commands[0] == command


def test_a_profile_out_of_a_config_maps_key():
    reference = {"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "p"}}}
    found = pod(spec(container("app", ("AWS_PROFILE", reference))))

    link = links(found, objects={("ConfigMap", "settings"): {"p": "legacy"}})["precedence"]

    assert (link.status, link.commands) == (
        Status.FAILED,
        ("kubectl set env deployment/app --namespace dev AWS_PROFILE-",),
    )


def test_what_a_secret_that_was_not_read_holds_is_not_known():
    env_from = [{"secretRef": {"name": "keys"}}]
    link = links(
        pod(spec(container("app", envFrom=env_from))), objects={("Secret", "keys"): UNREAD}
    )["precedence"]
    assert (link.status, link.remedy) == (Status.UNKNOWN, "grant a permission")


@pytest.mark.parametrize(
    ("env", "status"),
    [
        ([("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], Status.PASSED),
        ([("AWS_SESSION_TOKEN", "x")], Status.PASSED),
        ([("AWS_SECRET_ACCESS_KEY", "x")], Status.PASSED),
        ([("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/")], Status.PASSED),
        ([("AWS_ACCESS_KEY_ID", "x")], Status.FAILED),
        (
            [("AWS_ACCESS_KEY_ID", {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})],
            Status.FAILED,
        ),
    ],
)
def test_only_an_access_key_wins_over_the_role(env, status):
    assert links(pod(spec(container("app", *env))))["precedence"].status is status


def test_keys_in_a_mounted_credentials_file_win_in_javascript():
    volume = [{"name": "aws", "secret": {"secretName": "keys"}}]
    env = ("AWS_SHARED_CREDENTIALS_FILE", "/etc/aws/credentials")
    found = pod(spec(container("app", env, volumeMounts=AWS_MOUNT), volumes=volume))
    text = "[default]\naws_access_key_id = (not kept)\n"

    link = links(found, objects={("Secret", "keys"): {"credentials": text}})["precedence"]

    assert (link.status, link.commands) == (Status.FAILED, ())
    assert "the SDK for JavaScript takes it before the role" in link.found


@pytest.mark.parametrize(
    ("env", "found", "command"),
    [
        ([("AWS_REGION", "")], "AWS_REGION is empty", "AWS_REGION-"),
        (
            [("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")],
            "AWS_REGION is empty and AWS_DEFAULT_REGION is empty",
            "AWS_REGION- AWS_DEFAULT_REGION-",
        ),
        ([("AWS_DEFAULT_REGION", "eu-west-1")], "no AWS_REGION", "AWS_REGION=eu-west-1"),
        ([("AWS_REGION", "eu-west-1")], "no AWS_DEFAULT_REGION", "AWS_DEFAULT_REGION=eu-west-1"),
        ([], "no AWS_REGION and no AWS_DEFAULT_REGION", "AWS_REGION=us-east-1 AWS_DEFAULT"),
    ],
)
def test_h1_44_a_region_that_is_empty_or_in_one_variable_only(env, found, command):
    given = container("app", *env)
    preset = {name for name, _ in env}
    regions = {"AWS_REGION", "AWS_DEFAULT_REGION"} - preset
    given["env"] = [each for each in given["env"] if each["name"] not in regions]

    link = links(pod(spec(given)))["injection"]

    assert link.status is Status.FAILED
    assert link.found.startswith(found)
    assert link.commands[0].startswith(f"kubectl set env deployment/app --namespace dev {command}")


def test_h1_16_keys_in_the_second_container_are_named_with_it():
    keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "x")]
    link = links(pod(spec(container("proxy"), container("work", *keys))))["precedence"]

    assert (link.status, link.found.partition(": ")[0]) == (
        Status.FAILED,
        "Pod app-1, container work",
    )
    assert link.commands == (
        (
            "kubectl set env deployment/app --namespace dev --containers work "
            "AWS_ACCESS_KEY_ID- AWS_SECRET_ACCESS_KEY-"
        ),
    )


def test_keys_in_an_init_container_are_taken_out_of_its_list():
    init = container("init", ("AWS_ACCESS_KEY_ID", "AKIA"), ("LEVEL", "1"))
    link = links(pod(spec(container(), initContainers=[init])))["precedence"]

    assert link.found.startswith("Pod app-1, container init: ")
    assert (
        '"path":"/spec/template/spec/initContainers/0/env","value":[{"name":"LEVEL"'
        in (link.commands[0])
    )


SKIP = "eks.amazonaws.com/skip-containers"


def skipping(value, *containers, **fields):
    return pod(spec(*containers), annotations={SKIP: value}, **fields)


def test_h1_17_a_skipped_container_of_ones_own_is_not_known_unless_it_is_asked_about():
    found = skipping("proxy,work", container("app"), container("work", bare=True))

    link = links(found)["injection"]
    asked = links(found, containers=("work",))["injection"]
    other = links(found, containers=("app",))["injection"]

    assert (link.status, link.commands) == (Status.UNKNOWN, ())
    assert link.found.startswith(f"Pod app-1, container work: annotation {SKIP}=proxy,work")
    assert asked.status is Status.FAILED
    assert '"op":"replace","path":"/spec/template/metadata/annotations/' in asked.commands[0]
    assert asked.commands[0].endswith('"value":"proxy"}]\'')
    assert (other.status, other.found) == (Status.PASSED, "Pod app-1 has them, in container app")


def test_the_first_container_is_the_programs_own_one():
    link = links(skipping("app", container("app", bare=True), container("log")))["injection"]
    assert link.status is Status.FAILED


def test_a_meshs_sidecar_without_aws_is_left_alone_wherever_it_stands():
    proxy = container("istio-proxy", ("PROXY", "1"), bare=True)
    for found in (
        pod(spec(proxy, container()), foreign=("istio-proxy",)),
        skipping("istio-proxy", proxy, container(), foreign=("istio-proxy",)),
        pod(spec(container(), proxy), owner=""),
    ):
        given = links(found)
        assert statuses(given) == {}
        assert given["injection"].found.endswith(
            "not looked at: istio-proxy, which another webhook added"
        )


def test_a_meshs_sidecar_that_is_asked_about_is_judged():
    found = pod(spec(container(), container("istio-proxy", bare=True)), foreign=("istio-proxy",))
    link = links(found, containers=("istio-proxy",))["injection"]
    assert link.status is Status.FAILED


def test_a_bare_pod_that_was_not_mutated_at_all_is_not_left_alone():
    found = pod(spec(container("a", bare=True), container("b", bare=True)), owner="")
    assert links(found)["injection"].status is Status.FAILED


def test_a_container_that_is_not_there_is_named_with_those_that_are():
    facts = judged(pod(spec(container("app"), container("log"))), containers=("wrk",))
    assert wrong_containers(facts) == (
        "no container 'wrk' in the Pods of dev/s3-app; there are app, log"
    )
    assert wrong_containers(replace(facts, pods=())) == ""


OLD_ROLE = "arn:aws:iam::111122223333:role/before"


def old(name="old", **fields):
    return pod(spec(container("app", ("AWS_ROLE_ARN", OLD_ROLE))), name, outdated=True, **fields)


def with_owner(of, owner):
    return replace(of, owner=owner)


def test_h1_22_a_stuck_rollout_is_named_with_what_serves_on():
    env_from = [{"configMapRef": {"name": "settings"}}]
    new = pod(spec(container(envFrom=env_from)), "new", phase="Pending")
    before = with_owner(old(), new.owner)

    found = links(new, before, objects={("ConfigMap", "settings"): None})

    assert found["pod"].status is Status.FAILED
    assert found["pod"].found == (
        "Pod new is Pending: there is no ConfigMap settings; the rollout is stuck, and Pod old, of "
        "an older template, serves on"
    )
    assert found["injection"].status is Status.FAILED
    assert found["injection"].found.startswith(f"Pod old: AWS_ROLE_ARN={OLD_ROLE}")


@pytest.mark.parametrize(
    ("changes", "status", "found"),
    [
        ({"reason": "ImagePullBackOff", "message": "no"}, Status.FAILED, "ImagePullBackOff: no"),
        ({"reason": "Unschedulable"}, Status.FAILED, "Unschedulable"),
        ({}, Status.UNKNOWN, "Pod new is starting"),
        ({"created": "2026-11-24T00:00:00Z"}, Status.FAILED, "it starts for"),
        ({"reason": "CrashLoopBackOff"}, Status.UNKNOWN, "an init container ends"),
    ],
)
def test_h1_23_a_pending_pod_is_no_pod_that_runs(changes, status, found):
    link = links(pod(spec(container()), "new", phase="Pending", **changes))["pod"]
    assert (link.status, found in link.found, link.commands) == (status, True, ())


@pytest.mark.parametrize("gone", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"ending": True}])
def test_pods_that_have_ended_or_are_ending_are_not_judged(gone):
    keys = container("app", ("AWS_ACCESS_KEY_ID", "AKIA"))
    over = pod(spec(keys), "over", **gone)

    assert statuses(links(pod(spec(container())), over)) == {}
    alone = links(over)
    assert (alone["pod"].status, alone["precedence"].status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert "Pod over" in alone["pod"].found


def test_a_rollout_under_way_is_asked_about_again():
    new = pod(spec(container()), "new")
    link = links(new, with_owner(replace(new, name="old", outdated=True), new.owner))["pod"]
    assert (link.status, link.remedy) == (Status.UNKNOWN, "ask again when it is through")


def test_a_paused_rollout_is_resumed():
    new = pod(spec(container()), "new")
    owner = replace(new.owner, paused=True)
    link = links(with_owner(new, owner), with_owner(replace(new, outdated=True), owner))["pod"]
    assert link.commands == ("kubectl rollout resume deployment/app --namespace dev",)


def test_a_deployment_that_may_not_make_pods_says_why():
    owner = Owner("deployment", "app", {"spec": {"serviceAccountName": "s3-app"}}, "quota")
    other = Owner("deployment", "x", {"spec": {"serviceAccountName": "other"}}, "other")
    link = links(owners=(other, owner))["pod"]
    assert (link.status, link.found) == (
        Status.FAILED,
        "Deployment app cannot make Pods: quota",
    )


def test_a_deployment_that_is_not_there_is_no_pod_of_another():
    link = links(pod(spec(container())), deployment="ap")["pod"]
    assert (link.status, link.found) == (Status.UNKNOWN, "there is no Deployment ap")


def test_h1_48_every_deployment_of_the_service_account_is_judged():
    well = pod(spec(container()), "well-1", owner="well")
    bad = [
        pod(spec(container(bare=True)), f"bad-{number}", owner="bad", created=BEFORE)
        for number in range(5)
    ]

    found = links(well, *bad)

    assert failing_link(list(found.values())).key == "injection"
    assert found["injection"].found.startswith(
        "Pods bad-0, bad-1, bad-2 and 2 more: the Pod was not mutated"
    )
    assert found["injection"].commands == (
        "kubectl rollout restart deployment/bad --namespace dev",
    )
    assert statuses(links(well, *bad, deployment="well")) == {}


@pytest.mark.parametrize(
    ("kind", "commands"),
    [
        ("statefulset", ("kubectl rollout restart statefulset/app --namespace dev",)),
        ("daemonset", ("kubectl rollout restart daemonset/app --namespace dev",)),
        ("job", ("kubectl delete pod app-1 --namespace dev",)),
    ],
)
def test_what_makes_the_pods_is_restarted(kind, commands):
    found = pod(spec(container(bare=True)), kind=kind)
    assert links(found)["injection"].commands == commands


def test_a_pod_that_nobody_would_make_again_is_not_deleted():
    found = pod(spec(container(bare=True)), owner="")
    assert links(found)["injection"].commands == ()


def test_a_jobs_template_cannot_be_changed():
    found = pod(spec(container("app", ("AWS_PROFILE", "x"))), kind="job")
    link = links(found)["precedence"]
    assert (link.status, link.commands) == (Status.FAILED, ())


def test_m4_46_both_variables_by_hand_are_removed_not_the_volume():
    api_token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    env = (("AWS_WEB_IDENTITY_TOKEN_FILE", api_token), ("AWS_ROLE_ARN", ROLE_ARN))
    found = pod(spec(container("app", *env)))
    by_hand = {"name": "AWS_ROLE_ARN", "value": ROLE_ARN}
    found.template["spec"]["containers"][0]["env"].append(by_hand)

    link = links(found)["injection"]

    assert link.commands == (
        "kubectl set env deployment/app --namespace dev AWS_ROLE_ARN- AWS_WEB_IDENTITY_TOKEN_FILE-",
    )


def test_a_windows_pods_token_is_where_its_variable_says():
    path = "C:" + f"{FOLDER}/token".replace("/", "\\")
    own = container("app", ("AWS_WEB_IDENTITY_TOKEN_FILE", path))
    found = pod(spec(own))
    found.template["spec"]["containers"][0]["env"] = []
    assert statuses(links(found)) == {}


def test_pod_identity_instead_of_the_role_is_named():
    env = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")
    link = links(pod(spec(container("app", env, bare=True))))["injection"]
    assert "EKS Pod Identity association" in link.found
    assert link.commands == ()


def annotated(value):
    return {
        "service_account": ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": value})
    }


@pytest.mark.parametrize("value", [f'"{ROLE_ARN}"', f" {ROLE_ARN}\n", f"'{ROLE_ARN}'"])
def test_m4_03_quotes_and_white_space_are_taken_off_the_annotation(value):
    link = links(pod(spec(container())), **annotated(value))["annotation"]
    assert link.commands[0].endswith(f"eks.amazonaws.com/role-arn={ROLE_ARN}")


SESSION = "arn:aws:sts::111122223333:assumed-role/s3-app/i-0123"


def test_m4_04_a_sessions_role_is_annotated_when_iam_says_which_it_is():
    moved = Role("arn:aws:iam::111122223333:role/team/s3-app", "AROA", {})

    known = links(pod(spec(container())), candidate=moved, **annotated(SESSION))["annotation"]
    guess = links(pod(spec(container())), **annotated(SESSION))["annotation"]

    assert known.commands[0].endswith("=arn:aws:iam::111122223333:role/team/s3-app")
    assert guess.commands == ()
    assert "role s3-app in account 111122223333, with the role's path" in guess.remedy


def test_what_means_no_role_at_all_has_no_command():
    for value in ("arn:aws:iam::111122223333:instance-profile/x", "s3-app"):
        assert links(pod(spec(container())), **annotated(value))["annotation"].commands == ()


STRANGE = [
    pod(spec(container(bare=True))),
    pod(spec(container(bare=True)), owner=""),
    pod(spec(container(bare=True)), kind="job"),
    pod(spec(container("app", ("AWS_PROFILE", "")))),
    pod(spec(container("app", ("AWS_REGION", "")))),
    pod(spec(container("app", ("AWS_ROLE_ARN", "")))),
    pod(spec(container("app", ("AWS_ACCESS_KEY_ID", "x")))),
    skipping("app", container("app", bare=True)),
    pod(spec(container()), labels={"eks.amazonaws.com/skip-pod-identity-webhook": "true"}),
    replace(pod(spec(container())), service_account="default"),
    with_owner(pod(spec(container()), phase="Pending", reason="ErrImagePull"), None),
    pod(with_config()),
    pod(with_config(("AWS_PROFILE", "B"))),
]
FACTS = [
    {},
    {"expected_role": ROLE_ARN},
    {"service_account": None},
    {"service_account": None, "expected_role": ROLE_ARN},
    {"service_account": ServiceAccount("dev", "s3-app", {})},
    annotated(SESSION),
    annotated("s3-app"),
    annotated(f'"{ROLE_ARN}"'),
    annotated(OLD_ROLE),
    {"webhook": None},
    {"profile": "B"},
    {"deployment": "app", **config(f"[B]\n{B_FROM_A}")},
    {"profile": "B", **config(f"[profile B]\n{B_FROM_A}credential_source = x\n{OWN}")},
    {"profile": "B", "role": None, **config("[profile B]\n")},
]
PLACEHOLDER = re.compile(r"<[^>]*>|\{[a-z_]*\}|None|\.\.\.|…")


@pytest.mark.parametrize("number", range(len(FACTS)))
def test_no_command_holds_a_placeholder_or_lacks_a_name(number):
    for each in STRANGE:
        facts = judged(each, **FACTS[number])
        for link in chain(facts):
            for command in link.commands:
                assert not PLACEHOLDER.search(command), command
                assert "deployment/ " not in command, command
                assert not command.endswith("="), command


def test_a_pod_that_cannot_be_listed_and_one_that_is_well_are_told_apart():
    assert verdict(pod_links(replace(GOOD, pods=UNREAD))) is Status.UNKNOWN
    assert ROLE.arn == ROLE_ARN
