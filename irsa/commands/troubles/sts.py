"""Troubles on the way from a token to a session: what STS answers. Pure."""

from dataclasses import replace

from irsa.commands.troubles.trouble import (
    BOUNDARY,
    EKS_GUIDE,
    IAM_GUIDE,
    ORGANIZATION,
    SESSION_POLICY,
    STS_REFERENCE,
    VERIFY,
    VPC_ENDPOINT,
    Cause,
    Level,
    trouble,
    words,
)
from irsa.identity.access_denied import PolicyType

PROPAGATION = Cause(
    "propagation",
    "the role, policy or provider was created or changed just now; IAM takes seconds, rarely a "
    "minute",
    f"{VERIFY} (it waits up to 90 s)",
    "assume",
    f"{IAM_GUIDE}troubleshoot.html#troubleshoot_general_eventual-consistency",
)

# "arn:aws:sts::A:assumed-role/R/session is not authorized to perform: sts:AssumeRole on resource:
# arn:aws:iam::A:role/R": the same account and the same role, with a path or without.
_ITSELF = (
    r"arn:[\w-]{1,20}:sts::(?P<account>[^:/ ]{0,20}):assumed-role/(?P<role>[^/ ]{1,64})/[^ ]{1,80} "
    r"is not authorized to perform:? sts:assumerole on resource:? [\"']?"
    r"arn:[\w-]{1,20}:iam::(?P=account):role/(?:[^ \"']{1,512}/)?(?P=role)(?![\w+=,.@-])"
)

STS_TROUBLES = (
    trouble(
        "web-identity-denied",
        "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        r"not authorized to perform:? sts:assumerolewithwebidentity"
        # Some programs print no more than Go's first half.
        r"|assumerolewithwebidentity, (?:exceeded maximum number of attempts, \d+, )?"
        r"https response error statuscode: 403(?!.{0,200}regiondisabled)",
        "STS accepted the token, but the role's trust policy does not; or the role does not exist.",
        Cause(
            "subject",
            "the condition on `sub` names another namespace or service account, differs in case, "
            "or has `*` under StringEquals, which compares it literally",
            link="trust",
            source="kubernetes-sigs/external-dns#1979",
        ),
        Cause(
            "issuer",
            "the statement is for another issuer: the provider's ARN in its Principal is misspelt "
            "or of another account, or the condition key has https:// or an ARN in front, ends in "
            "`:aud` in place of `:sub`, or is of another cluster",
            link="trust",
            source="aws/karpenter-provider-aws#1666",
        ),
        Cause(
            "role",
            "the annotation names a role that does not exist (any more), or lacks its path",
            link="role",
            source="aws/karpenter-provider-aws#7875",
        ),
        Cause(
            "anded",
            "exact subject and pattern in one statement: both must hold, and never do",
            link="trust",
            source=f"{IAM_GUIDE}reference_policies_condition-logic-multiple-context-keys-or-values.html",
        ),
        Cause(
            "audience",
            "the condition on `aud` is not the token's audience",
            link="trust",
            source=f"{EKS_GUIDE}associate-service-account-role.html",
        ),
        PROPAGATION,
        VPC_ENDPOINT,
        # The call has no IAM caller, whose boundary or service control policy could refuse it.
        replace(ORGANIZATION, cause="a resource control policy of the organization denies it"),
    ),
    trouble(
        "no-provider",
        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://…",
        r"no openidconnect provider found",
        "The token's issuer is not registered in the role's account.",
        Cause(
            "missing",
            "the IAM OIDC provider was never created, or was deleted",
            link="provider",
            source="terraform-aws-modules/terraform-aws-eks#965",
        ),
        Cause(
            "account",
            "it is in another account than the role",
            link="provider",
            source=f"{EKS_GUIDE}cross-account-access.html",
        ),
        Cause(
            "cluster",
            "the cluster was recreated, and has a new issuer",
            link="provider",
            source=f"{EKS_GUIDE}enable-iam-roles-for-service-accounts.html",
        ),
        Cause(
            "partition",
            "the call goes to another partition than the role's (aws-us-gov, aws-cn): set "
            "AWS_REGION to a region of the role's partition",
            link="injection",
            source="aws/amazon-eks-pod-identity-webhook#149",
            words=words(r"oidc\.eks\.(?:us-gov|cn)-"),
        ),
        Cause(
            "region-off",
            "STS is not activated in the region that the SDK calls",
            "AWS console, IAM, account settings, Security Token Service",
            source="fluxcd/source-controller#1552",
        ),
    ),
    trouble(
        "audience",
        "InvalidIdentityToken: Incorrect token audience",
        r"incorrect token audience|missing a required claim: aud",
        "The token's audience is not among the OIDC provider's client ids.",
        Cause(
            "client-id",
            "sts.amazonaws.com is not among the provider's client ids (a regional name is not "
            "needed)",
            link="audience",
            source="awslabs/amazon-eks-irsa-cfn#18",
        ),
        Cause(
            "annotation",
            "the annotation eks.amazonaws.com/audience asks for another one",
            link="audience",
            source="https://github.com/aws/amazon-eks-pod-identity-webhook#eks-walkthrough",
        ),
        Cause(
            "own-token",
            "the SDK reads the Kubernetes API's own token file",
            link="injection",
            source=f"{EKS_GUIDE}pod-configuration.html",
        ),
    ),
    trouble(
        "keys",
        "InvalidIdentityToken: Couldn't retrieve verification key from your identity provider",
        r"couldn'?t retrieve verification key|idpcommunicationerror|jwt signature",
        "AWS could not verify the token's signature with the issuer's published keys.",
        Cause(
            "retry",
            "AWS could not fetch the keys in time; the next attempt usually succeeds",
            "try again; in code, retry InvalidIdentityToken and IDPCommunicationError",
            source="aws/aws-cli#7194",
        ),
        Cause(
            "old-token",
            "the token is old and its key was rotated out: the application keeps the token "
            "instead of reading the file again",
            link="token",
            source="aws/aws-sdk-js-v3#3052",
        ),
        Cause("cluster", "the token is of another cluster", link="token"),
        Cause(
            "unreachable",
            "the issuer cannot be reached from AWS",
            "fetch the issuer's /.well-known/openid-configuration from outside the network",
            source=f"{STS_REFERENCE}API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors",
        ),
    ),
    trouble(
        "thumbprint",
        "InvalidIdentityToken: OpenIDConnect provider's HTTPS certificate doesn't match "
        "configured thumbprint",
        r"doesn'?t match configured thumbprint",
        "The issuer's certificate changed, or is not the one that the IAM OIDC provider expects.",
        Cause(
            "stale",
            "the provider's list of thumbprints lacks the certificate that the issuer shows now",
            "aws iam get-open-id-connect-provider, and compare its thumbprints",
            source="terraform-aws-modules/terraform-aws-eks#2542",
        ),
        Cause(
            "private",
            "the issuer has a certificate of an authority that AWS does not trust",
            "openssl s_client -showcerts with the issuer's host",
            source=f"{IAM_GUIDE}id_roles_providers_create_oidc_verify-thumbprint.html",
        ),
    ),
    trouble(
        "expired",
        "ExpiredTokenException: Token expired: current date/time … must be before …",
        r"expiredtoken|token (?:has )?expired|security token included in the request is expired",
        "The web identity token, or the session made from it, has expired.",
        Cause(
            "keeps-token",
            "the application keeps the token instead of reading the file again",
            "restart the Pods: if it works for as long as a token lives, this is it",
            source="aws/aws-sdk-java-v2#5709",
        ),
        Cause(
            "keeps-session",
            "the application keeps a session's keys, and does not renew them in time",
            "restart the Pods: if it works for an hour, this is it",
            source="cube-js/cube#11622",
        ),
        Cause(
            "chained",
            "a chained session ends after an hour, and nothing renewed it",
            link="profile",
            source=f"{IAM_GUIDE}id_roles.html#iam-term-role-chaining",
        ),
        Cause("clock", "the clock of the machine is wrong", "date -u"),
    ),
    trouble(
        "role-assumes-itself",
        "User: arn:aws:sts::111122223333:assumed-role/s3-app/… is not authorized to perform: "
        "sts:AssumeRole on resource: arn:aws:iam::111122223333:role/s3-app",
        _ITSELF,
        "The Pod already has the role, and the application assumes it once more.",
        Cause(
            "configured-twice",
            "the role is named twice: in the annotation, and in the application's own setting; "
            "remove it from the setting",
            "look for a role in the application's configuration",
            source="cert-manager/cert-manager#4053",
        ),
        Cause(
            "self-trust",
            "the role must name itself in its trust policy if it really is to assume itself",
            "aws iam get-role",
            source="https://aws.amazon.com/blogs/security/announcing-an-update-to-iam-role-trust-policy-behavior/",
        ),
    ),
    trouble(
        "assume-role-denied",
        "AccessDenied: User: … is not authorized to perform: sts:AssumeRole on resource: …",
        r"not authorized to perform:? (?:sts:)?assumerole(?!with|for)\b",
        "Role B was not granted: both role A's policy and role B's trust policy must allow it.",
        Cause(
            "role-a-policy",
            "role A has no policy that allows sts:AssumeRole on role B",
            link="chain-permission",
            source="kubernetes-sigs/external-dns#1608",
            policy_types=frozenset({PolicyType.IDENTITY}),
        ),
        Cause(
            "role-b-trust",
            "role B trusts another role, account or external id",
            link="chain-trust",
            source="aws/karpenter-provider-aws#4680",
            policy_types=frozenset({PolicyType.TRUST, PolicyType.RESOURCE}),
        ),
        Cause(
            "not-role-a",
            "the caller is not role A but static keys or another role",
            link="precedence",
            words=words(r"user: arn:[\w-]+:iam::[^: ]*:user/"),
        ),
        Cause(
            "recreated",
            "role A was deleted and recreated: role B trusts the AROA id of the old one",
            link="chain-trust",
            source="awslabs/aws-deployment-framework#235",
        ),
        PROPAGATION,
        replace(BOUNDARY, link="chain-permission"),
        SESSION_POLICY,
        VPC_ENDPOINT,
        ORGANIZATION,
        level=Level.REFUSED,
    ),
    trouble(
        "tag-session",
        "User: … is not authorized to perform: sts:TagSession on resource: …:role/s3-app-B",
        r"not authorized to perform:? sts:tagsession",
        "The caller's session has transitive tags, as EKS Pod Identity sets them; IRSA sets none.",
        Cause(
            "trust",
            "role B's trust policy, or role A's policy, allows sts:AssumeRole and not "
            "sts:TagSession",
            link="chain-trust",
            source="aws/aws-cdk-cli#762",
        ),
        Cause(
            "conditions",
            "another condition of the trust policy does not hold, such as the external id",
            link="chain-trust",
            source="grafana/grafana#127716",
        ),
    ),
    trouble(
        "session-duration",
        "ValidationError: The requested DurationSeconds exceeds …",
        r"durationseconds exceeds|1 hour session limit",
        "The session was asked to last longer than it may.",
        Cause(
            "chaining",
            "role chaining: an hour at most, whatever the role allows",
            link="profile",
            source="aws/eks-anywhere#9485",
            words=words("1 hour"),
        ),
        Cause(
            "maximum",
            "above the role's maximum session duration",
            "aws iam get-role",
            source="ruimarinho/gsts#13",
            words=words("maxsessionduration"),
        ),
    ),
    trouble(
        "request-arn",
        "ValidationError: Request ARN is invalid",
        r"request arn is invalid|invalid length for parameter rolearn",
        "The annotation's value is not the ARN of a role.",
        Cause(
            "no-role-arn",
            "the value is empty, an instance profile's, user's or session's ARN, or has white "
            "space",
            link="annotation",
            source="ianbelcher/eks-kubectl-action#15",
        ),
        Cause(
            "partition",
            "another partition's ARN (aws-cn, aws-us-gov)",
            link="annotation",
            source=f"{IAM_GUIDE}reference-arns.html",
        ),
    ),
    trouble(
        "sts-off",
        "RegionDisabledException: STS is not activated in this region for account: …",
        r"regiondisabled|sts is not activated in this region",
        "STS is switched off for the account in the region that the SDK calls.",
        Cause(
            "activate",
            "the region's STS is not activated in the account",
            "AWS console, IAM, account settings, Security Token Service",
            source="turbot/steampipe-plugin-aws#1510",
        ),
        Cause(
            "other-region",
            "the SDK calls the wrong region: AWS_REGION of the Pod",
            link="injection",
            source="spinnaker/swabbie#666",
        ),
    ),
    trouble(
        "throttled",
        "Throttling: Rate exceeded",
        r"rate exceeded|\bthrottling(?:exception)?\b",
        "STS is called too often: everything in the account and region shares one quota.",
        Cause(
            "no-cache",
            "every request or client assumes the role again instead of keeping the session: a "
            "client for each call, or duration_seconds of 900 or less in a chained profile",
            "count AssumeRole events in CloudTrail",
            source="jlevers/selling-partner-api#278",
        ),
        Cause(
            "burst",
            "many Pods started at once: retry with a growing, random delay",
            "count AssumeRoleWithWebIdentity events in CloudTrail",
            source=f"{IAM_GUIDE}reference_iam-quotas.html",
        ),
    ),
)
