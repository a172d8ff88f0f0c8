"""What an audit leaves alone on purpose, as data: docs/commands.md has the table. Pure."""

from typing import NamedTuple


class NotARule(NamedTuple):
    """Something that an audit leaves alone on purpose."""

    what: str
    reason: str


NOT_RULES = (
    NotARule(
        "a role or user of another account without an external id",
        "it is named, and IAM stores its unique id, so nobody else can take its place. An "
        "external id separates the customers of a third party, and the audit cannot tell a third "
        "party's role from one of yours",
    ),
    NotARule(
        "StringEqualsIgnoreCase on sub",
        "namespaces and service accounts have lower-case names: it matches the same tokens",
    ),
    NotARule(
        "a pattern such as `system:serviceaccount:dev:*-app` or `system:serviceaccount:dev:app-*`",
        "it stays within its namespace; whoever can create service accounts there can choose a "
        "name that fits either",
    ),
    NotARule(
        "a service account of `kube-system`, named",
        "AWS's own add-ons run there (VPC CNI, EBS CSI driver, load balancer controller), and "
        "whoever can create Pods there controls the cluster anyway",
    ),
    NotARule(
        "a pattern such as `role/app-*` on aws:PrincipalArn",
        "it matches a path, too, but whoever can create a role with such a path can also create "
        "one with such a name",
    ),
    NotARule(
        "thumbprints of EKS and of shared issuers such as GitHub",
        "IAM knows the authorities behind their certificates and ignores thumbprints: a stale one "
        "has no effect",
    ),
    NotARule(
        "`repo:organization/repository:*` of GitHub, and the like",
        "it matches every branch and environment of one repository; which of them may deploy is "
        "up to the repository",
    ),
    NotARule(
        "services for which AWS documents no aws:SourceAccount in a trust policy, such as EC2 and "
        "Lambda",
        "a condition on a key that the service does not send would lock it out; the audit looks "
        "at Bedrock, CodeBuild, FIS, Fraud Detector, IoT and Personalize",
    ),
    NotARule(
        "a Cognito role for guests (amr is unauthenticated) of one identity pool",
        "that is what such a role is for; without a condition on aud it is `any-customer`",
    ),
    NotARule(
        "conditions that can never hold, such as a number as sub",
        "nobody gets in; if a service account is annotated with the role, `trust-mismatch` says "
        "so. Two kinds have rules of their own, because people mend them by letting everybody in: "
        "`literal-wildcard` and `anded-conditions`",
    ),
)
