"""IAM roles and policies of the `aws` provider."""

from typing import Any, ClassVar

from typing_extensions import override

from irsa.identity.canonical import canonical
from irsa.identity.quotas import (
    DEFAULT_ROLE_SESSION_DURATION,
    POLICY_VERSIONS_MAX,
    ROLE_SESSION_DURATION,
)

from ..resource import Created, InvalidInput, Properties
from ..values import UNKNOWN
from .types import (
    AutoNamed,
    AwsSession,
    AwsType,
    boundary_of,
    changed,
    retag,
    set_boundary,
    tags_as_list,
    tags_as_map,
    two_parts,
)


class Role(AutoNamed):
    """An IAM role."""

    token = "aws:iam/role:Role"
    title = "IAM Role ({name})"
    required = frozenset({"assumeRolePolicy"})
    known = frozenset(
        {
            "assumeRolePolicy",
            "description",
            "forceDetachPolicies",
            "maxSessionDuration",
            "name",
            "path",
            "permissionsBoundary",
            "tags",
        }
    )
    replace_on = frozenset({"name", "path"})
    computed = frozenset({"arn", "createDate", "tagsAll", "uniqueId"})
    documents = frozenset({"assumeRolePolicy"})
    arns = frozenset({"permissionsBoundary"})
    defaults: ClassVar[Properties] = {
        "forceDetachPolicies": False,
        "maxSessionDuration": DEFAULT_ROLE_SESSION_DURATION,
        "path": "/",
    }

    @override
    def check(self, news: Properties) -> Properties:
        checked = super().check(news)
        seconds, limits = checked["maxSessionDuration"], ROLE_SESSION_DURATION
        if seconds is not UNKNOWN and seconds not in limits:
            raise InvalidInput(
                "maxSessionDuration",
                f"expected it in the range ({limits.start} - {limits.stop - 1}), got {seconds}",
            )
        return checked

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        optional = {"Description": "description", "PermissionsBoundary": "permissionsBoundary"}
        session.client("iam").create_role(
            RoleName=inputs["name"],
            Path=inputs["path"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            MaxSessionDuration=inputs["maxSessionDuration"],
            Tags=tags_as_list(inputs.get("tags")),
            **{name: inputs[source] for name, source in optional.items() if source in inputs},
        )
        return Created(inputs["name"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        role = session.client("iam").get_role(RoleName=resource_id)["Role"]
        tags = tags_as_map(role.get("Tags"))
        return {
            "arn": role["Arn"],
            "assumeRolePolicy": canonical(role["AssumeRolePolicyDocument"]),
            "createDate": role["CreateDate"].isoformat(),
            "description": role.get("Description", ""),
            "forceDetachPolicies": state.get("forceDetachPolicies", False),
            "maxSessionDuration": role["MaxSessionDuration"],
            "name": role["RoleName"],
            "path": role["Path"],
            "permissionsBoundary": boundary_of(role),
            "tags": tags,
            "tagsAll": tags,
            "uniqueId": role["RoleId"],
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        iam = session.client("iam")
        if changed(olds, news, "assumeRolePolicy"):
            iam.update_assume_role_policy(
                RoleName=resource_id, PolicyDocument=news["assumeRolePolicy"]
            )
        if changed(olds, news, "description", "maxSessionDuration"):
            iam.update_role(
                RoleName=resource_id,
                Description=news.get("description", ""),
                MaxSessionDuration=news["maxSessionDuration"],
            )
        role = {"RoleName": resource_id}
        set_boundary(iam, "role", role, olds, news)
        retag(iam, "role", role, olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        iam = session.client("iam")
        if state.get("forceDetachPolicies"):
            attached = iam.list_attached_role_policies(RoleName=resource_id)
            for policy in attached["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=resource_id, PolicyArn=policy["PolicyArn"])
            for name in iam.list_role_policies(RoleName=resource_id)["PolicyNames"]:
                iam.delete_role_policy(RoleName=resource_id, PolicyName=name)
        iam.delete_role(RoleName=resource_id)


class Policy(AutoNamed):
    """A managed policy of the account's own."""

    token = "aws:iam/policy:Policy"
    title = "IAM Policy ({name})"
    required = frozenset({"policy"})
    known = frozenset({"description", "name", "path", "policy", "tags"})
    replace_on = frozenset({"description", "name", "path"})
    computed = frozenset({"arn", "attachmentCount", "policyId", "tagsAll"})
    documents = frozenset({"policy"})
    defaults: ClassVar[Properties] = {"path": "/"}

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        description = {"Description": inputs["description"]} if "description" in inputs else {}
        created = session.client("iam").create_policy(
            PolicyName=inputs["name"],
            Path=inputs["path"],
            PolicyDocument=inputs["policy"],
            Tags=tags_as_list(inputs.get("tags")),
            **description,
        )
        return Created(created["Policy"]["Arn"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        iam = session.client("iam")
        policy = iam.get_policy(PolicyArn=resource_id)["Policy"]
        version = iam.get_policy_version(
            PolicyArn=resource_id, VersionId=policy["DefaultVersionId"]
        )["PolicyVersion"]
        tags = tags_as_map(policy.get("Tags"))
        return {
            "arn": resource_id,
            "attachmentCount": policy["AttachmentCount"],
            "description": policy.get("Description", ""),
            "name": policy["PolicyName"],
            "path": policy["Path"],
            "policy": canonical(version["Document"]),
            "policyId": policy["PolicyId"],
            "tags": tags,
            "tagsAll": tags,
        }

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        iam = session.client("iam")
        if changed(olds, news, "policy"):
            versions = iam.list_policy_versions(PolicyArn=resource_id)["Versions"]
            if len(versions) >= POLICY_VERSIONS_MAX:
                spare = [version for version in versions if not version["IsDefaultVersion"]]
                oldest = min(spare, key=lambda version: int(version["VersionId"][1:]))
                iam.delete_policy_version(PolicyArn=resource_id, VersionId=oldest["VersionId"])
            iam.create_policy_version(
                PolicyArn=resource_id, PolicyDocument=news["policy"], SetAsDefault=True
            )
        retag(iam, "policy", {"PolicyArn": resource_id}, olds, news)

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        iam = session.client("iam")
        for version in iam.list_policy_versions(PolicyArn=resource_id)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=resource_id, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=resource_id)


def _attached(session: AwsSession, who: str, name: str) -> list[str]:
    """ARNs of the managed policies of a role or user."""
    pages = session.client("iam").get_paginator(f"list_attached_{who}_policies")
    return [
        policy["PolicyArn"]
        for page in pages.paginate(**{f"{who.title()}Name": name})
        for policy in page["AttachedPolicies"]
    ]


class _Attachment(AwsType):
    """A managed policy on a role or user: ``who`` is the input that names it."""

    who: str
    arns = frozenset({"policyArn"})

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        name, arn = inputs[self.who], inputs["policyArn"]
        attach = getattr(session.client("iam"), f"attach_{self.who}_policy")
        attach(**{self._name: name}, PolicyArn=arn)
        return Created(f"{name}/{arn}")

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        name, arn = two_parts(resource_id, "/", "NAME/POLICY-ARN")
        attached = arn in _attached(session, self.who, name)
        return {self.who: name, "policyArn": arn} if attached else None

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        name, arn = two_parts(resource_id, "/", "NAME/POLICY-ARN")
        detach = getattr(session.client("iam"), f"detach_{self.who}_policy")
        detach(**{self._name: name}, PolicyArn=arn)

    @property
    def _name(self) -> str:
        return f"{self.who.title()}Name"


class RolePolicyAttachment(_Attachment):
    """A managed policy on a role."""

    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    required = known = replace_on = frozenset({"policyArn", "role"})
    who = "role"


class UserPolicyAttachment(_Attachment):
    """A managed policy on a user."""

    token = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
    required = known = replace_on = frozenset({"policyArn", "user"})
    who = "user"


class RolePolicy(AutoNamed):
    """An inline policy of a role."""

    token = "aws:iam/rolePolicy:RolePolicy"
    title = "IAM Role Policy ({name})"
    required = frozenset({"policy", "role"})
    known = frozenset({"name", "policy", "role"})
    replace_on = frozenset({"name", "role"})
    documents = frozenset({"policy"})

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        resource_id = f"{inputs['role']}:{inputs['name']}"
        self.update(session, resource_id, {}, inputs)
        return Created(resource_id)

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        role, name = two_parts(resource_id, ":", "ROLE:NAME")
        policy = session.client("iam").get_role_policy(RoleName=role, PolicyName=name)
        return {"name": name, "role": role, "policy": canonical(policy["PolicyDocument"])}

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        session.client("iam").put_role_policy(
            RoleName=news["role"], PolicyName=news["name"], PolicyDocument=news["policy"]
        )

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        role, name = two_parts(resource_id, ":", "ROLE:NAME")
        session.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


class _Exclusive(AwsType):
    """All policies of one kind that a role has: adds those that are missing, removes all others.

    Its deletion changes nothing, and an empty list is a value: it removes them all.
    """

    listed: str
    """The input that names the policies."""
    required = replace_on = frozenset({"roleName"})

    @override
    def check(self, news: Properties) -> Properties:
        if news.get(self.listed) is None:
            raise InvalidInput(self.listed, "is required")
        return {self.listed: [], **super().check(news)}

    @override
    def create(self, session: AwsSession, inputs: Properties) -> Created:
        self.update(session, inputs["roleName"], {}, inputs)
        return Created(inputs["roleName"])

    @override
    def live(self, session: AwsSession, resource_id: str, state: Properties) -> Properties | None:
        return {"roleName": resource_id, self.listed: sorted(self._live(session, resource_id))}

    @override
    def update(
        self, session: AwsSession, resource_id: str, olds: Properties, news: Properties
    ) -> None:
        live, wanted = set(self._live(session, resource_id)), set(news[self.listed])
        for policy in sorted(wanted - live):
            self._add(session.client("iam"), resource_id, policy)
        for policy in sorted(live - wanted):
            self._remove(session.client("iam"), resource_id, policy)

    @override
    def inputs_of(self, state: Properties) -> Properties:
        return state

    @override
    def remove(self, session: AwsSession, resource_id: str, state: Properties) -> None:
        pass

    def _live(self, session: AwsSession, role: str) -> list[str]:
        raise NotImplementedError

    def _add(self, iam: Any, role: str, policy: str) -> None:
        raise NotImplementedError

    def _remove(self, iam: Any, role: str, policy: str) -> None:
        raise NotImplementedError


class RolePolicyAttachmentsExclusive(_Exclusive):
    """All managed policies of a role."""

    token = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
    known = frozenset({"policyArns", "roleName"})
    listed, sets = "policyArns", frozenset({"policyArns"})

    @override
    def _live(self, session: AwsSession, role: str) -> list[str]:
        return _attached(session, "role", role)

    @override
    def _add(self, iam: Any, role: str, policy: str) -> None:
        iam.attach_role_policy(RoleName=role, PolicyArn=policy)

    @override
    def _remove(self, iam: Any, role: str, policy: str) -> None:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy)


class RolePoliciesExclusive(_Exclusive):
    """All inline policies of a role."""

    token = "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive"
    known = frozenset({"policyNames", "roleName"})
    listed, sets = "policyNames", frozenset({"policyNames"})

    @override
    def _live(self, session: AwsSession, role: str) -> list[str]:
        pages = session.client("iam").get_paginator("list_role_policies").paginate(RoleName=role)
        return [name for page in pages for name in page["PolicyNames"]]

    @override
    def _add(self, iam: Any, role: str, policy: str) -> None:
        # Without its document, as pulumi-aws does: IAM refuses it.
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument="")

    @override
    def _remove(self, iam: Any, role: str, policy: str) -> None:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)


TYPES = (
    Policy(),
    Role(),
    RolePoliciesExclusive(),
    RolePolicy(),
    RolePolicyAttachment(),
    RolePolicyAttachmentsExclusive(),
    UserPolicyAttachment(),
)
