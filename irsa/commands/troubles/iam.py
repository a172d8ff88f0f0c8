"""Troubles with what IAM stores, and with what a session may do. Pure."""

from irsa import PROGRAM
from irsa.commands.troubles.trouble import (
    BOUNDARY,
    IAM_GUIDE,
    ORGANIZATION,
    SESSION_POLICY,
    VERIFY,
    VPC_ENDPOINT,
    Cause,
    Level,
    trouble,
    words,
)
from irsa.identity.access_denied import PolicyType, Refusal

_S3 = r"(?:\bs3\b|bucket|(?:list|head|get|put|delete)(?:objects?|buckets?)(?:v2)?\b)"

DATA_TROUBLES = (
    trouble(
        "data-denied",
        "AccessDenied: User: … is not authorized to perform: s3:ListBucket on resource: …",
        r"not authorized to perform:? (?!sts:)[a-z0-9-]+:[a-z]|encoded authorization failure"
        rf"|access ?denied.{{0,200}}{_S3}|{_S3}.{{0,200}}access ?denied",
        "The session exists, but it is not allowed to do this.",
        Cause(
            "role-policy",
            "the role has no policy that allows this action on this resource, under these "
            "conditions",
            link="permissions",
            source="grafana/tempo#2489",
            policy_types=frozenset({PolicyType.IDENTITY}),
            refusal=Refusal.NO_ALLOW,
        ),
        Cause(
            "other-identity",
            "the session is not the role's: static keys or another role",
            link="precedence",
            source="deployKF/deployKF#75",
        ),
        Cause(
            "resource-policy",
            "the resource's own policy (bucket, secret, queue, key) denies it, or does not name "
            "the role, as it must across accounts",
            link="permissions",
            source="aws/secrets-store-csi-driver-provider-aws#360",
            policy_types=frozenset({PolicyType.RESOURCE}),
        ),
        Cause(
            "kms-key",
            "the data is encrypted with a KMS key: the role's policy and the key policy must both "
            "allow it",
            "aws kms get-key-policy",
            source="cloudposse/terraform-aws-vpc-flow-logs-s3-bucket#30",
            words=words(r"perform:? kms:|\bkms\b"),
        ),
        Cause(
            "deny",
            "a Deny statement, often for requests that lack a certain tag, boundary or address",
            link="permissions",
            source="eksctl-io/eksctl#4996",
            policy_types=frozenset({PolicyType.IDENTITY}),
            refusal=Refusal.DENY,
            words=words(r"with an explicit deny"),
        ),
        Cause(
            "other-account",
            "the bucket is in account B, and no profile was chosen",
            f"{VERIFY} --profile B",
        ),
        BOUNDARY,
        SESSION_POLICY,
        VPC_ENDPOINT,
        ORGANIZATION,
        level=Level.REFUSED,
    ),
)

IAM_TROUBLES = (
    trouble(
        "invalid-principal",
        'MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:…"',
        r"invalid principal in policy",
        "IAM does not store a trust policy that names a role or user which does not exist.",
        Cause(
            "role-missing",
            "the role that it names does not exist: role B before role A, or a misspelt ARN",
            "bring account A's stack up first, or use trust: principal-arn",
            source="hashicorp/terraform-provider-aws#1388",
        ),
        Cause(
            "just-created",
            "the role was created some seconds ago",
            "try again in a minute",
            source="hashicorp/terraform-provider-aws#8905",
        ),
        Cause(
            "no-principal",
            "the value cannot be a principal: a group, a name with a wildcard in it, a service "
            "name of another partition, or nothing at all",
            f"{PROGRAM} decide (step iam:CreateRole)",
            source="aws/aws-cdk#11505",
            words=words(r":group/|\"service\":|no principals"),
        ),
    ),
    trouble(
        "federated-principal",
        "MalformedPolicyDocument: Federated principals must be valid domain names or SAML "
        "metadata ARNs",
        r"federated principals must be valid",
        "The trust policy's Federated value is not the ARN of an OIDC provider.",
        Cause(
            "no-provider-arn",
            "the value is empty or the issuer's URL: the input for the provider's ARN was not set",
            "look at the Federated value in the planned trust policy",
            source="terraform-aws-modules/terraform-aws-eks#2594",
        ),
    ),
    trouble(
        "principal-in-policy",
        "MalformedPolicyDocument: Policy document should not specify a principal.",
        r"policy document should not specify a principal|has prohibited field principal",
        "A policy for a role has a Principal, which belongs only in resource policies and trust "
        "policies.",
        Cause(
            "wrong-kind",
            "a bucket policy or trust policy was given as the policy of a role or user",
            "remove the Principal, or attach the policy to the resource",
            source="hashicorp/terraform-provider-aws#10419",
        ),
    ),
    trouble(
        "already-exists",
        "EntityAlreadyExists: Provider with url https://oidc.eks… already exists.",
        r"entityalreadyexists|provider with url [^ ]{1,200} already exists",
        "It exists already: an account has at most one OIDC provider for each issuer.",
        Cause(
            "reuse",
            "another stack or tool created it: import it, or refer to it instead of creating it",
            "aws iam list-open-id-connect-providers",
            source="unfunco/terraform-aws-oidc-github#23",
        ),
        Cause(
            "left-over",
            "it is left over from something that was deleted",
            "aws iam list-open-id-connect-providers",
        ),
    ),
    trouble(
        "quota",
        "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048",
        r"cannot exceed quota for|aclsizeperrole",
        "A document or list is larger than IAM allows; ACLSizePerRole is the trust policy.",
        Cause(
            "too-long",
            "too many subjects or clusters in one trust policy: use one list of subjects for each "
            "provider, give each group of service accounts a role of its own, or ask for a higher "
            "quota",
            "aws iam get-account-summary",
            source="kubeflow/kubeflow#6687",
        ),
        Cause(
            "wrong-document",
            "a permissions policy was given as the trust policy",
            "aws iam get-role",
            source="kubernetes-sigs/aws-load-balancer-controller#2718",
        ),
    ),
    trouble(
        "malformed-policy",
        "MalformedPolicyDocument: …",
        r"malformedpolicydocument",
        "IAM does not store this document; what follows the code says why.",
        Cause(
            "grammar",
            "an element that this kind of policy does not have, or a value in the wrong form",
            f"{PROGRAM} decide (step iam:CreateRole), which says what IAM refuses",
            source=f"{IAM_GUIDE}troubleshoot_policies.html",
        ),
        level=Level.REFUSED,
    ),
)
