"""An IAM role for Kubernetes service accounts of EKS clusters: by IRSA, Pod Identity or both."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import Annotated, Any

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from irsa_core.identity import quotas
from irsa_core.identity.eks import STS_AUDIENCE
from irsa_core.identity.names import check_tags, owning_stack
from irsa_core.identity.pod_identity import service_account_trust_policy
from irsa_core.identity.policies import Document, assume_role_permissions_policy
from irsa_core.identity.subjects import ServiceAccountPattern, Subject, parse_service_accounts

from . import values
from ._roles import RoleArgs, RoleComponent, managed_policy
from .cluster import Cluster
from .values import ServiceAccount


@values.arguments
class ServiceAccountRoleArgs(RoleArgs):
    """Arguments of `ServiceAccountRole`."""

    irsa_clusters: Annotated[Sequence[Cluster], values.gives(provider_arns="provider_arn")] = ()
    """IRSA: the clusters that the service accounts live in."""

    pod_identity_clusters: Annotated[
        Sequence[Cluster], values.gives(cluster_arns="cluster_arn")
    ] = ()
    """EKS Pod Identity: the clusters, of the role's own account. Each service account also needs a
    `PodIdentityAssociation`."""

    provider_arns: Sequence[Input[values.ProviderArn]] = ()
    """IRSA: ARNs of the IAM OIDC providers of the clusters that the service accounts live in."""

    cluster_arns: Sequence[Input[values.PodIdentityClusterArn]] = ()
    """EKS Pod Identity: ARNs of the clusters, of the role's own account. Each service account also
    needs a `PodIdentityAssociation`."""

    service_accounts: Sequence[ServiceAccount] = ()
    """Service accounts that may assume the role."""

    subjects: Sequence[values.SubjectText] = ()
    """Service accounts of a chart or of another program, each as ``namespace/name``. ``*`` and
    ``?`` in the name make a pattern, such as ``crossplane-system/aws-provider-*``."""

    disable_session_tags: bool = False
    """Trust associations that disable session tags. No condition can then name the service account:
    any user who may create an association in the clusters may give the role to any pod."""

    further_statements: Sequence[Mapping[str, Any]] = ()
    """Further statements of the trust policy, each with a principal and a condition. A statement
    with an error of ``irsa audit`` is refused. The audit's warnings are logged."""

    allow_whole_namespace: bool = False
    """Accept a pattern that every service account of a namespace matches, such as ``dev/*``."""

    audience: values.Audience = STS_AUDIENCE
    """The ``aud`` claim that their tokens must carry."""

    role_b_arns: Sequence[Input[values.RoleArn]] = ()
    """Roles, of this or of other accounts, that the role may assume next (role chaining)."""

    trust_policy_quota: Annotated[int, values.within(quotas.TRUST_POLICY_QUOTAS)] = (
        quotas.TRUST_POLICY_QUOTA
    )
    """Characters that IAM accepts in a trust policy; above 2048 only if AWS raised the quota."""

    description: values.Description | None = None
    """Description of the role; by default it lists the namespaces that the role is for."""

    tags: Annotated[Mapping[str, str], check_tags] = field(default_factory=dict)
    """Tags of the role, in addition to the provider's default tags."""

    exclusive: bool = False
    """Detach managed policies, and delete inline policies, that the role has besides these. A
    refresh shows them; the next `up` removes them."""

    imported: bool = False
    """Import the existing role of that name, which no stack has, instead of creating one. Its
    ``policies``, and those of ``policy_arns`` that are plain text, must exist and are imported with
    it. The same `up` then updates what differs from these arguments. A role whose tags ``project``
    and ``stack`` name a stack is refused: use ``taken_over`` for a role of this stack."""

    def __post_init__(self) -> values.Problems:
        owner = self.owner()
        clusters = [*self.provider_arns, *self.cluster_arns]
        self.check_policies([*clusters, *self.role_b_arns])
        attached = len(self.policy_arns) + bool(self.role_b_arns)
        most = quotas.ATTACHED_POLICIES_MAX
        _ = self.warnings  # refuses a mistake in further_statements
        return {
            f"{owner}: imported names a role of no stack by role_name; give that, and remove "
            "taken_over": self.imported and (self.role_name is None or self.taken_over),
            f"{owner} trusts no principal; give service_accounts, and one of irsa_clusters or "
            "pod_identity_clusters (or their provider_arns, cluster_arns)": (
                not self.parsed_subjects or not clusters
            ),
            f"{owner}: disable_session_tags is for EKS Pod Identity; remove it, or give "
            "cluster_arns": self.disable_session_tags and not self.cluster_arns,
            f"{owner} has {attached} managed policies; IAM attaches at most "
            f"{most} to a role, merge some": attached > most,
        }

    @cached_property
    def parsed_subjects(self) -> list[Subject]:
        """The service accounts, exact and patterns."""
        return [
            parse_service_accounts(each, allow_whole_namespace=self.allow_whole_namespace)
            for each in (*map(str, self.service_accounts), *self.subjects)
        ]

    @cached_property
    def warnings(self) -> list[str]:
        """Warnings of the audit about the further statements."""
        if not self.further_statements:
            return []
        # Imported here: most programs give none, and the rules take a while to load.
        from irsa_core.rules.further_statements import check_further_statements

        return check_further_statements(self.owner(), self.further_statements)

    @property
    def tagged(self) -> bool:
        """True if associations need session tags, which name the service account."""
        return bool(self.cluster_arns) and not self.disable_session_tags


class ServiceAccountRole(RoleComponent):
    """An IAM role whose trust policy names its service accounts, for IRSA, Pod Identity or both."""

    role_arn: Output[str]
    """ARN for the ``eks.amazonaws.com/role-arn`` annotation, once the policies are attached."""

    role_name: Output[str]
    """Name of the role, for attaching further policies."""

    role_unique_id: Output[str]
    """The ``AROA…`` id, which changes when the role is recreated under the same ARN."""

    def __init__(
        self, name: str, args: ServiceAccountRoleArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("ServiceAccountRole", name, args, opts)
        self._args = args
        warnings = [
            f"{self._owner} trusts every service account of namespace {ref.namespace!r}: any user "
            "who may create a pod there gets its permissions"
            for ref in args.parsed_subjects
            if isinstance(ref, ServiceAccountPattern) and ref.whole_namespace
        ]
        if args.disable_session_tags:
            warnings.append(
                f"{self._owner} trusts every association of its clusters: without session tags, "
                "the association alone decides which service account gets the role"
            )
        for warning in (*warnings, *args.warnings):
            pulumi.log.warn(warning, self)

        policy_arns = dict(args.policy_arns)
        if args.role_b_arns:
            policy_name = f"{args.role_name or name}-assume-role"
            policy_arns["assume-role"] = managed_policy(
                self,
                "assume-role-policy",
                policy_name,
                policy_name if args.role_name else None,
                Output.all(*args.role_b_arns).apply(
                    lambda arns: assume_role_permissions_policy(*arns, tag_session=args.tagged)
                ),
                description="Assume further roles by role chaining",
            ).arn
        imported = args.role_name if args.imported else None
        policies = self._create(
            name,
            args,
            policy_arns,
            partial(_trust_policy, args),
            Output.all([*args.provider_arns], [*args.cluster_arns]),
            imported=imported,
            name=_unowned(imported, self) if imported else args.role_name,
            description=args.description or _description(args),
            tags=dict(args.tags) or None,
        )
        if args.exclusive:
            # After the attachments: the resource attaches what is missing, too.
            last, urn_name = self.child_options(depends_on=policies), self.role.pulumi_resource_name
            aws.iam.RolePolicyAttachmentsExclusive(
                urn_name, role_name=self.role.name, policy_arns=[*policy_arns.values()], opts=last
            )
            aws.iam.RolePoliciesExclusive(
                urn_name, role_name=self.role.name, policy_names=[*args.policies], opts=last
            )

        self.role_unique_id = self.role.unique_id
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "role_name": self.role_name,
                "role_unique_id": self.role_unique_id,
                "subjects": [subject.subject for subject in args.parsed_subjects],
                "audience": args.audience,
                "role_b_arns": list(args.role_b_arns),
            }
        )

    def check_irsa(self, account: ServiceAccount, audience: str) -> None:
        """Raise ValueError for a service account whose tokens the trust policy refuses."""
        role, args = self._owner, self._args
        problems = {
            f"{role} trusts no OIDC provider, so {account} cannot assume it by IRSA; give the role "
            "irsa_clusters, or the pods pod_identity instead of the role": not args.provider_arns,
            **self._of_subject(account),
            f"{role} admits tokens for audience {args.audience!r}, and those of {account} are for "
            f"{audience!r}; give both the same audience": audience != args.audience,
        }
        if not args.further_statements:  # which may admit others
            values.refuse(problems)

    def check_association(self, account: ServiceAccount, session_tags: bool) -> None:
        """Raise ValueError for a service account whose association the trust policy refuses."""
        role, args = self._owner, self._args
        problems = {
            f"{role} does not trust EKS Pod Identity, so no association gives it to {account}; "
            "give the role pod_identity_clusters": not args.cluster_arns,
            **(self._of_subject(account) if args.tagged else {}),
        }
        if not args.further_statements:
            values.refuse(problems)
        if args.tagged and not session_tags:
            raise ValueError(
                f"{role} admits associations with session tags only, and the one of {account} has "
                "none; give disable_session_tags to both, or to neither"
            )

    def _of_subject(self, account: ServiceAccount) -> dict[str, bool]:
        # A name has no brackets.
        names = [f"{each.namespace}/{each[1]}" for each in self._args.parsed_subjects]
        message = (
            f"{self._owner} does not trust service account {account}: it trusts "
            f"{', '.join(names)}; give both the same ServiceAccount"
        )
        return {message: not any(fnmatchcase(str(account), each) for each in names)}


def _unowned(role_name: str, parent: pulumi.Resource) -> Output[str]:
    """Return the name of a role to import, unless its tags say that a stack has it: two stacks
    would both delete it, and this one would delete it under its other URN."""
    this_stack = pulumi.get_project(), pulumi.get_stack()

    def check(tags: Mapping[str, str]) -> str:
        owner = owning_stack(tags)
        if owner == this_stack:
            raise pulumi.RunError(
                f"role {role_name!r} is of this stack; remove `imported` after its first `up`, or "
                "take the role over from its other URN by taken_over"
            )
        if owner:
            project, stack = owner
            raise pulumi.RunError(
                f"role {role_name!r} belongs to stack {stack!r} of project {project!r}; remove "
                "`imported` and choose another role_name, or give policies and pods that role's ARN"
            )
        return role_name

    role = aws.iam.get_role_output(name=role_name, opts=pulumi.InvokeOutputOptions(parent=parent))
    return role.tags.apply(check)


def _description(args: ServiceAccountRoleArgs) -> str:
    kinds = {"IRSA": args.provider_arns, "EKS Pod Identity": args.cluster_arns}
    namespaces = sorted({subject.namespace for subject in args.parsed_subjects})
    text = f"{' and '.join(k for k in kinds if kinds[k])} for {', '.join(namespaces)}"
    return text[: quotas.DESCRIPTION_MAX]


def _trust_policy(args: ServiceAccountRoleArgs, arns: Sequence[Sequence[str]]) -> Document:
    return service_account_trust_policy(
        args.parsed_subjects,
        provider_arns=arns[0],
        cluster_arns=arns[1],
        audience=args.audience,
        disable_session_tags=args.disable_session_tags,
        further_statements=[dict(statement) for statement in args.further_statements],
        quota=args.trust_policy_quota,
    )
