"""`python -m irsa audit`: its calls for thousands of roles, and saved files."""

import json

import pytest

from irsa.__main__ import main
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from tests.support.fleet import ACCOUNT, ISSUER, Fleet

NONE_FOUND = f"account {ACCOUNT}: no findings\n"


@pytest.fixture
def audited(monkeypatch, tmp_path, capsys):
    """Audit a fleet behind a server, with these options besides; code, stdout, stderr."""

    def run(fleet, *options, command="audit"):
        with fleet.serving(tmp_path) as environment:
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            code = main([command, *options])
        return (code, *capsys.readouterr())

    return run


def test_5000_roles_and_as_many_service_accounts_are_60_calls_of_aws(audited):
    fleet = Fleet(5_000, providers=53)

    code, out, err = audited(fleet)

    assert (code, err) == (0, "")
    assert out == f"5000 annotated service accounts and 5000 roles of {NONE_FOUND}"
    assert fleet.calls == {
        "/.well-known/openid-configuration": 1,
        "/api/v1/serviceaccounts": 10,
        "GetCallerIdentity": 1,
        "GetAccountAuthorizationDetails": 5,
        "ListOpenIDConnectProviders": 1,
        "GetOpenIDConnectProvider": 53,
    }
    assert fleet.aws_calls() == 60


TWO = ("--context", "x", "--context", "y")


def test_two_clusters_of_one_account_cost_its_calls_once(audited):
    fleet = Fleet(2_000, providers=3, contexts=("x", "y"))

    code, out, err = audited(fleet, *TWO)

    assert (code, err) == (0, "")
    assert out == f"4000 annotated service accounts and 2000 roles of {NONE_FOUND}"
    assert fleet.calls == {
        "/.well-known/openid-configuration": 2,
        "/api/v1/serviceaccounts": 8,
        "GetCallerIdentity": 1,
        "GetAccountAuthorizationDetails": 2,
        "ListOpenIDConnectProviders": 1,
        "GetOpenIDConnectProvider": 3,
    }


def test_a_cluster_that_cannot_be_read_does_not_hide_the_other(audited):
    fleet = Fleet(2, providers=2, contexts=("x", "y"), down="y")

    code, out, _ = audited(fleet, *TWO, "--output", "json")
    listed, rows, _ = audited(fleet, *TWO, "--output", "json", command="list")

    assert (code, listed) == (3, 3)
    # The cluster that is down may use the role.
    assert {each["rule"] for each in json.loads(out)} == {"other-cluster"}
    [problem] = json.loads(rows)["unchecked"]
    assert problem.startswith("cluster y: could not read /.well-known/openid-configuration: needs")
    assert {each["cluster"] for each in json.loads(rows)["service_accounts"]} == {"x"}


def test_what_is_unread_now_is_not_counted_as_gone(audited, tmp_path):
    fleet = Fleet(2, providers=2, contexts=("x", "y"))
    report = tmp_path / "report.json"
    report.write_text(audited(fleet, *TWO, "--output", "json", command="list")[1])
    fleet.down = "y"

    code, out, _ = audited(fleet, *TWO, "--since", str(report), command="list")

    assert code == 3
    assert "against --since: 2 new or changed, 0 unchanged, 0 gone\n" in out


def test_what_is_being_read_is_said_on_a_terminal(audited, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    _, _, err = audited(Fleet(1, providers=2, contexts=("x", "y")), *TWO)

    assert err.splitlines() == [
        "reading cluster x",
        "reading cluster y",
        f"reading account {ACCOUNT}",
    ]


def test_since_shows_new_findings_and_they_alone_decide(audited, tmp_path):
    fleet = Fleet(2, providers=2, contexts=("x", "y"))
    report = tmp_path / "report.json"
    report.write_text(audited(fleet, "--context", "x", "--output", "json")[1])
    fleet.size = 3

    code, out, _ = audited(fleet, "--context", "x", "--since", str(report))
    json_code, json_out, err = audited(
        fleet, "--context", "x", "--output", "json", "--since", str(report)
    )

    assert (code, json_code) == (0, 0)
    assert out.endswith("against --since: 1 new or changed, 2 unchanged, 0 gone\n")
    assert err == "irsa audit: against --since: 1 new or changed, 2 unchanged, 0 gone\n"
    [new] = json.loads(json_out)
    assert (new["rule"], new["subject"]) == ("other-cluster", f"role {ROLE}-00002")


@pytest.mark.parametrize("text", ["{}", '[{"rule": "no-sub"}]', "[] []", '{"service_accounts": 1}'])
def test_another_file_than_a_report_is_one_line(tmp_path, capsys, text):
    (tmp_path / "report.json").write_text(text)

    assert main(["audit", "--since", str(tmp_path / "report.json")]) == 2
    assert capsys.readouterr().err == (
        f"irsa audit: --since {tmp_path / 'report.json'}: it is not a report of audit; give what "
        "`python -m irsa audit --output json` prints\n"
    )


def test_a_listing_whose_next_page_has_expired_is_read_at_once(audited):
    fleet = Fleet(700, forgets=True)

    code, out, _ = audited(fleet)

    assert (code, fleet.calls["/api/v1/serviceaccounts"]) == (0, 3)
    assert out.startswith("700 annotated service accounts and 700 roles")


def test_roles_are_listed_where_authorization_details_are_denied(audited):
    fleet = Fleet(1_500, refused=frozenset({"GetAccountAuthorizationDetails"}))

    code, out, _ = audited(fleet)

    assert code == 0
    assert out.startswith("1500 annotated service accounts and 1500 roles")
    assert fleet.calls["ListRoles"] == 2
    assert gaps(out) == [
        "not checked: forged-tags, pass-any-role: grant iam:GetAccountAuthorizationDetails"
    ]


def test_two_missing_permissions_are_one_line(audited):
    refused = frozenset({"GetAccountAuthorizationDetails", "ListRoles"})

    code, out, err = audited(Fleet(1, refused=refused))

    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith(
        "irsa audit: could not read IAM roles: needs iam:GetAccountAuthorizationDetails or "
        "iam:ListRoles (An error occurred (AccessDenied)"
    )


def offline(capsys, options, *more):
    code = main(["audit", *options, *more])
    return (code, *capsys.readouterr())


def test_saved_files_have_the_result_of_the_cluster_and_account(tmp_path, capsys):
    options = Fleet(20, providers=3).save(tmp_path)

    assert offline(capsys, options) == (
        0,
        f"20 annotated service accounts and 20 roles of {NONE_FOUND}",
        "",
    )


def test_files_replace_the_cluster_or_the_account_alone(audited, tmp_path):
    fleet = Fleet(3)
    options = fleet.save(tmp_path)
    accounts, roles = options[:4], options[4:]

    assert audited(fleet, *roles)[:2] == audited(fleet, *accounts)[:2] == audited(fleet)[:2]


def test_findings_of_saved_files(tmp_path, capsys):
    options = Fleet(3).save(tmp_path)
    roles = json.loads((tmp_path / "roles.json").read_text())
    del roles["RoleDetailList"][0]
    [statement] = roles["RoleDetailList"][0]["AssumeRolePolicyDocument"]["Statement"]
    del statement["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    (tmp_path / "roles.json").write_text(json.dumps(roles))

    code, out, _ = offline(capsys, options, "--output", "json")

    assert code == 1
    assert [(each["rule"], each["subject"]) for each in json.loads(out)] == [
        ("no-sub", f"role arn:aws:iam::{ACCOUNT}:role/app-00001"),
        ("role-missing", "service account team-00/app-00000"),
    ]


NO_LIST = "give --providers the output of `aws iam list-open-id-connect-providers`"
NO_DETAILS = (
    "give --providers the output of `aws iam get-open-id-connect-provider` for each provider"
)


def gaps(out):
    return [line for line in out.splitlines() if line.startswith("not checked")]


def test_without_providers_the_unchecked_rules_are_named(tmp_path, capsys):
    options = Fleet(2).save(tmp_path)[:-2]

    code, out, err = offline(capsys, options)

    assert (code, err) == (0, "")
    assert gaps(out) == [
        f"not checked: deleted-provider, other-cluster: {NO_LIST}",
        f"not checked: client-ids, thumbprint: {NO_DETAILS}",
    ]


def test_associations_are_missing_only_where_a_role_trusts_eks(tmp_path, capsys):
    options = Fleet(2).save(tmp_path)
    assert gaps(offline(capsys, options)[1]) == []
    roles = json.loads((tmp_path / "roles.json").read_text())
    cluster = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/dev"
    trust = pod_identity_trust_policy([cluster], [ServiceAccountRef("team-00", "app-00000")])
    document = roles["RoleDetailList"][0]["AssumeRolePolicyDocument"]
    document["Statement"] += trust["Statement"]
    (tmp_path / "roles.json").write_text(json.dumps(roles))

    code, out, _ = offline(capsys, options)

    why = "Pod Identity associations: not read, since AWS was not asked"
    assert code == 0
    assert gaps(out) == [f"not checked: disabled-tags, no-agent: {why}"]


def test_associations_of_a_named_cluster_are_read_as_their_roles_may_be_gone(audited):
    fleet = Fleet(1)

    code, out, _ = audited(fleet, "--cluster", "dev")

    assert (code, gaps(out)) == (0, [])
    assert fleet.calls["/clusters/dev/pod-identity-associations"] == 1
    assert "/api/v1/pods" not in fleet.calls


def test_unchecked_rules_are_on_stderr_and_in_sarif(tmp_path, capsys):
    options = Fleet(2).save(tmp_path)[:-2]

    _, out, err = offline(capsys, options, "--output", "sarif")

    texts = [line.removeprefix("irsa audit: ") for line in err.splitlines()]
    [invocation] = json.loads(out)["runs"][0]["invocations"]
    notifications = invocation["toolExecutionNotifications"]
    assert [each["message"]["text"] for each in notifications] == texts
    assert [each.split(":")[0] for each in texts] == ["not checked", "not checked"]


def provider(folder, *documents):
    (folder / "providers.json").write_text("".join(json.dumps(each) for each in documents))


def test_one_given_provider_does_not_make_others_deleted(tmp_path, capsys):
    options = Fleet(2).save(tmp_path)
    provider(tmp_path, {"Url": "accounts.google.com", "ClientIDList": ["app"]})

    code, out, _ = offline(capsys, options)

    assert code == 0
    assert [each.split(": ")[1] for each in gaps(out)] == ["deleted-provider, other-cluster"]


def test_a_provider_known_only_by_arn_has_no_audience_finding(tmp_path, capsys):
    options, arn = Fleet(2).save(tmp_path), Fleet(1).provider_arn(0)
    provider(tmp_path, {"OpenIDConnectProviderList": [{"Arn": arn}]})

    code, out, _ = offline(capsys, options)

    assert code == 0
    [gap] = gaps(out)
    assert gap.startswith("not checked: client-ids, thumbprint: ")
    assert gap.endswith(f"missing: {arn}")


def test_a_registered_provider_without_the_audience_is_found(tmp_path, capsys):
    options, arn = Fleet(2).save(tmp_path), Fleet(1).provider_arn(0)
    listed = {"OpenIDConnectProviderList": [{"Arn": arn}]}
    provider(tmp_path, listed, {"Url": ISSUER, "ClientIDList": ["vault"]})

    code, out, _ = offline(capsys, options, "--output", "json")

    assert code == 1
    assert [(each["rule"], each["subject"]) for each in json.loads(out)] == [
        ("client-ids", f"OIDC provider {arn}")
    ]


ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
ASK = "`aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer --output text`"


NO_ROLE = "is not the ARN of a role; expected arn:aws:iam::<account>:role/<name>"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--service-accounts a --roles r", f"--service-accounts needs --issuer; {ASK} prints it"),
        (
            "--service-accounts a --issuer https://i --context c",
            "--service-accounts replaces the cluster; leave --context out",
        ),
        ("--providers p", "--providers needs --roles; give both, or neither"),
        ("--stack s --context c", "--stack replaces cluster and account; leave --context out"),
        ("--drift", "--drift needs --stack; give both, or neither"),
        ("--stack s --roles r", "--stack replaces cluster and account; leave --roles out"),
        (
            "--context a --context b --issuer https://i",
            "with several contexts; leave --issuer out",
        ),
        (
            f"--assume-role {ROLE} --assume-role {ROLE}-2",
            f"--assume-role: two roles of account {ACCOUNT}; give one of them",
        ),
        (
            "--assume-role app",
            f"--assume-role 'app' {NO_ROLE}",
        ),
        ("--issuer i/id/1", f"--issuer 'i/id/1' is not a URL with https://; {ASK} prints it"),
    ],
)
def test_options_that_contradict_each_other_are_one_line(options, message, capsys):
    assert main(["audit", *options.split()]) == 2
    assert capsys.readouterr() == ("", f"irsa audit: {message}\n")


PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


def state(conditions, *more):
    """The state of a stack with an annotated service account and its role."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": conditions,
    }
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    metadata = {"namespace": "dev", "name": "app", "annotations": {ROLE_ARN_ANNOTATION: ROLE}}
    role = {"name": "app", "arn": ROLE, "assumeRolePolicy": json.dumps(trust)}
    resources = [
        ("aws:iam/role:Role", role),
        ("kubernetes:core/v1:ServiceAccount", {"metadata": metadata}),
        *more,
    ]
    return {
        "deployment": {
            "resources": [
                {"urn": f"urn:pulumi:dev::irsa::{kind}::{number}", "type": kind, "outputs": outputs}
                for number, (kind, outputs) in enumerate(resources)
            ]
        }
    }


CLUSTER = ("irsa:index:EksCluster", {"issuer_url": f"https://{ISSUER}"})
REGISTERED = (
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    {"arn": PROVIDER, "clientIdLists": ["sts.amazonaws.com"]},
)
EXACT = {
    "StringEquals": {
        f"{ISSUER}:aud": "sts.amazonaws.com",
        f"{ISSUER}:sub": "system:serviceaccount:dev:app",
    }
}


def registered(issuer):
    return (REGISTERED[0], REGISTERED[1] | {"arn": PROVIDER.replace(ISSUER, issuer)})


@pytest.mark.parametrize(
    "more",
    [
        [CLUSTER],
        [REGISTERED],
        [registered("token.actions.githubusercontent.com"), REGISTERED],
        [registered(f"{ISSUER[:-1]}0"), REGISTERED],
    ],
    ids=["cluster", "provider", "another issuer", "two clusters"],
)
def test_a_stack_is_audited_by_its_state_alone(tmp_path, capsys, more):
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state(EXACT, *more)))
    assert main(["audit", "--stack", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 annotated service accounts and 1 roles of account")
    assert "not checked: foreign-policy, foreign-key: add --drift" in out

    file.write_text(json.dumps(state({}, *more)))
    assert main(["audit", "--stack", str(file), "--output", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {each["subject"] for each in found} == {f"role {ROLE}"}
    assert {"no-sub", "no-aud"} <= {each["rule"] for each in found}


def test_a_stack_is_listed_by_its_state_alone(tmp_path, capsys):
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state({}, CLUSTER)))

    assert main(["list", "--stack", str(file), "--output", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    [row] = listed["service_accounts"]
    assert (row["namespace"], row["name"]) == ("dev", "app")
    assert row["identities"] == [{"kind": "IRSA", "source": ROLE}]
    assert {"no-sub", "no-aud"} <= set(row["findings"])

    assert main(["list", "--stack", str(file)]) == 0
    assert "(a stack's state does not say it)" in capsys.readouterr().out


ASSOCIATION = (
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    {
        "associationArn": f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/dev/a-1",
        "namespace": "dev",
        "serviceAccount": "app",
        "roleArn": ROLE,
    },
)


def test_a_service_account_that_has_an_association_alone_is_listed(tmp_path, capsys):
    file = tmp_path / "state.json"
    own = (ASSOCIATION[0], ASSOCIATION[1] | {"serviceAccount": "other"})
    file.write_text(json.dumps(state(EXACT, CLUSTER, own)))

    assert main(["list", "--stack", str(file), "--output", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["service_accounts"]
    assert [(each["name"], each["identities"][0]["kind"]) for each in rows] == [
        ("app", "IRSA"),
        ("other", "Pod Identity"),
    ]


def test_an_association_of_a_stack_is_judged_like_one_of_a_cluster(tmp_path, capsys):
    file, pods = tmp_path / "state.json", tmp_path / "pods.json"
    file.write_text(json.dumps(state(EXACT, CLUSTER, ASSOCIATION)))
    labels = {"eks.amazonaws.com/fargate-profile": "apps"}
    metadata = {"namespace": "dev", "name": "app-1", "labels": labels}
    pod = {"kind": "Pod", "metadata": metadata, "spec": {"serviceAccountName": "app"}}
    pods.write_text(json.dumps({"kind": "List", "items": [pod]}))

    main(["audit", "--stack", str(file), "--pods", str(pods), "--output", "json"])

    found = json.loads(capsys.readouterr().out)
    assert [each["rule"] for each in found] == ["trust-mismatch", "no-agent"]


@pytest.mark.parametrize(
    ("conditions", "rules"),
    [(EXACT, []), ({"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}}, ["no-sub"])],
)
def test_a_stack_of_roles_alone_is_audited_by_their_issuers(tmp_path, capsys, conditions, rules):
    """Other programs and charts may have their service accounts."""
    file = tmp_path / "state.json"
    document = state(conditions)
    role, *_ = document["deployment"]["resources"]
    file.write_text(json.dumps({"deployment": {"resources": [role]}}))

    assert main(["audit", "--stack", str(file), "--output", "json"]) == bool(rules)
    assert [each["rule"] for each in json.loads(capsys.readouterr().out)] == rules


def of_saml():
    """A stack whose one role is for people who sign in."""
    text = json.dumps(state(EXACT)).replace(f"oidc-provider/{ISSUER}", "saml-provider/idp")
    role, *_ = json.loads(text)["deployment"]["resources"]
    return {"deployment": {"resources": [role]}}


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"x": 1}, "neither a `pulumi stack export` nor a `pulumi preview --json`"),
        ({"deployment": {"resources": []}}, "it has no IAM role whose ARN and trust policy are"),
        (of_saml(), "neither a cluster nor a role names an issuer; give --issuer"),
    ],
    ids=["no-state", "no-role", "no-issuer"],
)
def test_a_stack_that_cannot_be_audited_is_one_line(tmp_path, capsys, document, line):
    file = tmp_path / "state.json"
    file.write_text(json.dumps(document))

    assert main(["audit", "--stack", str(file)]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1
