"""Saved files of a cluster and an account: read as printed, or refused in one line."""

import json
from urllib.parse import quote

import pytest

from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe import saved
from irsa.observe.errors import CollectError
from irsa.observe.facts import PermissionsPolicy, RegisteredProvider, Unread
from tests.support.fleet import ACCOUNT, ISSUER, Fleet
from tests.support.refusal import refusal

FLEET = Fleet(4)
TRUST = irsa_trust_policy([FLEET.provider_arn(0)], [ServiceAccountRef("team-00", "app-00000")])
ROLE = FLEET.role(0, encoded=False)
GIVE_ACCOUNTS = "give what `kubectl get serviceaccounts --all-namespaces --output json` prints"
GIVE_ROLES = (
    "give what `aws iam get-account-authorization-details --filter Role LocalManagedPolicy` prints"
)


@pytest.fixture
def file(tmp_path):
    """A file with this text, or these JSON documents one after the other."""

    def write(*contents, name="saved.json"):
        path = tmp_path / name
        texts = [each if isinstance(each, str) else json.dumps(each, indent=2) for each in contents]
        path.write_text("\n".join(texts))
        return str(path)

    return write


def names(files):
    return [f"{each.namespace}/{each.name}" for each in saved.service_accounts(files)]


def listed(*items, kind="List", **metadata):
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "items": list(items)}


def test_only_objects_of_the_kind_are_read(file):
    assert names([file(listed())]) == []
    mixed = listed(FLEET.account(0), {"kind": "Pod"})
    assert names([file(mixed)]) == ["team-00/app-00000"]


def test_pages_are_one_listing_in_one_file_or_in_several(file):
    first, last = listed(FLEET.account(0), **{"continue": "x"}), listed(FLEET.account(1))

    assert names([file(first, last)]) == names([file(first), file(last, name="last.json")])
    assert names([file(first, last, first)]) == ["team-00/app-00000", "team-01/app-00001"]


def test_roles_come_url_encoded_or_as_json_with_their_policies(file):
    managed = f"arn:aws:iam::{ACCOUNT}:policy/team/data"
    read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    attached = [
        {"PolicyName": "data", "PolicyArn": managed},
        {"PolicyName": "ReadOnlyAccess", "PolicyArn": read_only},
    ]
    versions = [
        {"VersionId": "v2", "IsDefaultVersion": True, "Document": {"Statement": ["new"]}},
        {"VersionId": "v1", "IsDefaultVersion": False, "Document": {"Statement": ["old"]}},
    ]
    last_used = {"LastUsedDate": "2026-11-26T09:00:00+01:00", "Region": "us-east-1"}
    page = {"RoleDetailList": [{**ROLE, "AttachedManagedPolicies": attached}], "Marker": "m"}
    arn, trust = f"{ROLE['Arn']}-2", quote(json.dumps(TRUST))
    encoded = {**ROLE, "Arn": arn, "AssumeRolePolicyDocument": trust, "RoleLastUsed": last_used}
    policies = [{"Arn": managed, "PolicyVersionList": versions}]
    unlisted = Unread(f"policy {read_only}", "it was not listed", "iam:GetPolicyVersion")
    more = {"RoleDetailList": [{**encoded, "RolePolicyList": []}], "Policies": policies}

    found = saved.roles([file({**page, "IsTruncated": True}, more)])

    assert [role.trust_policy for role in found.roles] == [TRUST, TRUST]
    assert found.roles[0].policies == (
        PermissionsPolicy("data", ROLE["RolePolicyList"][0]["PolicyDocument"]),
        PermissionsPolicy("data", {"Statement": ["new"]}, managed),
        PermissionsPolicy("ReadOnlyAccess", unlisted, read_only),
    )
    assert found.last_used == {ROLE["Arn"]: "2026-11-26T09:00:00Z", arn: "2026-11-26T08:00:00Z"}


def test_an_unused_role_differs_from_one_without_a_known_last_use(file):
    never = saved.roles([file({"RoleDetailList": [{**ROLE, "RoleLastUsed": {}}]})])
    silent = {k: v for k, v in ROLE.items() if k not in ("RoleLastUsed", "RolePolicyList")}
    unsaid = saved.roles([file({"Roles": [silent]})])

    assert never.last_used == {ROLE["Arn"]: ""}
    assert isinstance(unsaid.last_used, Unread)
    assert isinstance(unsaid.roles[0].policies, Unread)


def test_providers_take_their_arn_from_the_roles_account_and_partition(file):
    files = [file({"Url": ISSUER, "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": ["9"]})]

    found = saved.providers(files, ACCOUNT, "aws-cn")

    arn = f"arn:aws-cn:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    assert found.providers == (RegisteredProvider(arn, ("sts.amazonaws.com",), ("9",)),)


def test_utf_16_of_a_windows_shell_is_read(tmp_path):
    path = tmp_path / "saved.json"
    path.write_text(json.dumps(listed(FLEET.account(0))), encoding="utf-16")

    assert names([str(path)]) == ["team-00/app-00000"]


ONE_PAGE = "it is one page of a longer listing; give all pages"
TWO = "roles of the accounts 111122223333 and 444455556666, of which one at a time is read"


FOREIGN = {**ROLE, "Arn": "arn:aws:iam::444455556666:role/x"}
TRUST_OF = f"the trust policy of {ROLE['Arn']} is"
NO_TIME = "1 is no time, such as 2026-11-26T09:00:00+00:00"


def with_role(**changes):
    return {"RoleDetailList": [{**ROLE, **changes}]}


WHOLE = json.dumps({"RoleDetailList": [ROLE]}, indent=2)


@pytest.mark.parametrize(
    "text",
    [WHOLE[: len(WHOLE) // 2], WHOLE[: WHOLE.index(",") + 1], "apiVersion: v1\n", f"{WHOLE}\n$ ",
     "[" * 200_000],
    ids=["truncated", "at a comma", "YAML", "a prompt after it", "nested"],
)  # fmt: skip
def test_a_file_that_is_not_json_is_one_line(file, text):
    path = file(text)

    message = refusal(saved.roles, [path], raised=CollectError)
    assert "it is not JSON: " in message
    assert message.endswith(f"; {GIVE_ROLES}")


ROLES = ("--roles", saved.roles, GIVE_ROLES)
ACCOUNTS = ("--service-accounts", saved.service_accounts, GIVE_ACCOUNTS)
NAMELESS = {"kind": "ServiceAccount", "metadata": {"namespace": "dev"}}
ANNOTATIONS = {"namespace": "a", "name": "b", "annotations": {"c": 1}}
OF_A_TOOL = {"StackResources": [], "a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize(
    ("source", "content", "found"),
    [
        (ROLES, "\n", "it is empty"),
        (ROLES, [ROLE], "it does not hold JSON objects"),
        (ROLES, OF_A_TOOL, "it holds JSON with the keys StackResources, a, b, … instead of roles"),
        (ROLES, listed(), "it holds an object of List instead of roles"),
        (ROLES, {"RoleDetailList": []}, "it holds no role"),
        (ROLES, {**with_role(), "IsTruncated": True}, ONE_PAGE),
        (ROLES, {**with_role(), "NextToken": "x"}, ONE_PAGE),
        (
            ROLES,
            {"RoleDetailList": [{"RoleName": "x"}]},
            'a role without Arn or RoleId: {"RoleName": "x"}',
        ),
        (ROLES, with_role(RoleLastUsed={"LastUsedDate": 1}), NO_TIME),
        (ROLES, with_role(AssumeRolePolicyDocument=None), f"{TRUST_OF} missing"),
        (ROLES, with_role(AssumeRolePolicyDocument="%7Bx"), f"{TRUST_OF} not JSON: '{{x'"),
        (
            ROLES,
            with_role(AssumeRolePolicyDocument="%5B" * 200_000),
            f"{TRUST_OF} not JSON: '{'[' * 40}'",
        ),
        (ROLES, {"RoleDetailList": [ROLE, FOREIGN]}, TWO),
        (ACCOUNTS, listed({"kind": "Pod"}), "it holds objects of Pod instead of ServiceAccount"),
        (
            ACCOUNTS,
            {"kind": "Deployment"},
            "it holds an object of Deployment instead of objects of ServiceAccount",
        ),
        (
            ACCOUNTS,
            {"RoleDetailList": []},
            "it holds JSON with the keys RoleDetailList instead of objects of ServiceAccount",
        ),
        (ACCOUNTS, listed(NAMELESS), "it holds a ServiceAccount without metadata.name"),
        (
            ACCOUNTS,
            listed({"kind": "ServiceAccount", "metadata": ANNOTATIONS}),
            "an annotation of ServiceAccount a/b is not a text",
        ),
        (ACCOUNTS, listed(FLEET.account(0), **{"continue": "x"}), ONE_PAGE),
    ],
)
def test_a_file_of_something_else_is_one_line(file, source, content, found):
    option, read, way_out = source
    path = file(content)

    assert refusal(read, [path], raised=CollectError) == f"{option} {path}: {found}; {way_out}"


def test_what_is_no_readable_file_is_one_line(tmp_path):
    binary, none = tmp_path / "roles.json.gz", tmp_path / "none"
    binary.write_bytes(b"\x1f\x8b\x08\xff\xfe")
    missing = f"[Errno 2] No such file or directory: '{none}'"
    for path, found in ((none, missing), (binary, "it is not text")):
        assert refusal(saved.roles, [str(path)], raised=CollectError) == (
            f"--roles {path}: {found}; {GIVE_ROLES}"
        )


FOREIGN_PROVIDER = "arn:aws:iam::444455556666:oidc-provider/a"


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (
            {"OpenIDConnectProviderList": [{"Arn": FOREIGN_PROVIDER}]},
            f"{FOREIGN_PROVIDER} is no OIDC provider of account 111122223333, whose roles are read",
        ),
        ({"SAMLProviderList": []}, "it holds JSON with the keys SAMLProviderList instead of"),
    ],
)
def test_providers_that_are_none_are_one_line(file, document, found):
    assert found in refusal(saved.providers, [file(document)], ACCOUNT, "aws", raised=CollectError)
