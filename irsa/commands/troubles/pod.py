"""Troubles in the Pod and its node: credentials, token file, region, network. Pure."""

from dataclasses import replace

from irsa.commands.troubles.trouble import EKS_GUIDE, IAM_GUIDE, Cause, Level, trouble, words

_NOT_MUTATED = Cause(
    "not-mutated",
    "the Pod has no AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE: it is older than the "
    "annotation, it is skipped, or the webhook did not answer",
    link="injection",
    source=f"{EKS_GUIDE}pod-configuration.html",
)
_SDK = (
    "the SDK, or the application's own credential chain, does not support web identity: it is too "
    "old, or a Java SDK without the sts module"
)
_VERSIONS = "compare with the minimum versions in the EKS guide"

# A host of AWS, but not the issuer, whose address is part of STS's own answers.
_HOST = r"(?<![\w.-])(?!oidc)[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.(?:amazonaws\.com|api\.aws)"
_NETWORK = (
    r"(?:i/o timeout|timed? ?out|etimedout|econnrefused|connection refused|no such host|enotfound"
    r"|getaddrinfo|unknown ?host|name resolution|could not connect|x509:|socket disconnected"
    r"|connection reset|network is unreachable|tls handshake)"
)
_TOKEN = r"eks\.amazonaws\.com[/\\]{1,2}serviceaccount[/\\]{1,2}token"  # noqa: S105
_FILE = (
    r"(?:permission denied|permissionerror|eacces|no such file|enoent|filenotfound|is a directory"
    r"|could not find (?:file|a part of the path))"
)
# The session of a node is named after its instance; issue writers blacken the id.
_INSTANCE = r"assumed-role/(?:[^/]{1,80}/i-(?:[0-9a-fx*.]|\{|<)|<?[^/]{0,60}\bnode[ _-]?role\b)"

POD_TROUBLES = (
    trouble(
        "pod-identity",
        "Error when retrieving credentials from container-role: … The token included in the "
        "request is expired",
        r"169\.254\.170\.23|fd00:ec2::23|credentials from container-role|pod-identity-token"
        r"|assumeroleforpodidentity|\beks auth:",
        "These are credentials of EKS Pod Identity, and not of IRSA: an association and the agent "
        "on the node in place of annotation, OIDC provider and trust policy. `verify` does not "
        "look at them.",
        Cause(
            "sdk",
            "the SDK keeps the agent's token instead of reading the file again, or is too old to "
            "accept the agent's address",
            _VERSIONS,
            source="aws/aws-sdk-js-v3#8101",
        ),
        Cause(
            "association",
            "no association for the service account, or its Pod is older than it",
            "aws eks list-pod-identity-associations",
            source=f"{EKS_GUIDE}pod-id-association.html",
        ),
        Cause(
            "agent",
            "the agent's add-on is missing or unhealthy",
            "kubectl get daemonset --namespace kube-system",
            source="aws/eks-pod-identity-agent#153",
        ),
        level=Level.ANOTHER_MECHANISM,
    ),
    trouble(
        "node-role",
        "User: …:assumed-role/dev-NodeInstanceRole/i-0123456789abcdef0 is not authorized to …",
        _INSTANCE,
        "The call was made as the node, not as the Pod's role: the SDK fell back silently.",
        replace(_NOT_MUTATED, source="kubernetes-sigs/external-dns#1684"),
        Cause(
            "sdk",
            _SDK,
            _VERSIONS,
            source="external-secrets/kubernetes-external-secrets#161",
        ),
        Cause(
            "token-file",
            "the container's user may not read the token, and the SDK fell back: set fsGroup",
            "kubectl get pod -o yaml",
            source="external-secrets/kubernetes-external-secrets#452",
        ),
        Cause("profile", "a profile without credentials is selected", link="precedence"),
        Cause(
            "refresh",
            "a refresh of the session failed once, and the SDK fell back to the node",
            "look for an earlier error of STS in the log",
            source="async-aws/aws#1659",
        ),
    ),
    trouble(
        "token-file",
        "open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: permission denied",
        rf"{_TOKEN}.{{0,120}}{_FILE}|{_FILE}.{{0,120}}{_TOKEN}"
        rf"|unable to read file at [^ ]{{0,80}}{_TOKEN}",
        "The variable points to a file that the container does not have or may not read.",
        Cause(
            "fs-group",
            "the container's user may not read the file: set the Pod's fsGroup",
            "kubectl get pod -o yaml",
            source="aws/amazon-eks-pod-identity-webhook#8",
            words=words("permission|eacces"),
        ),
        Cause(
            "not-mounted",
            "the token's volume is mounted elsewhere, or not at all",
            link="injection",
            source="https://github.com/aws/amazon-eks-pod-identity-webhook",
            words=words("no such file|enoent|notfound|directory|could not find"),
        ),
    ),
    trouble(
        "unreachable",
        'Post "https://sts.amazonaws.com/": dial tcp 54.239.29.25:443: i/o timeout',
        rf"{_HOST}.{{0,300}}{_NETWORK}|{_NETWORK}.{{0,250}}{_HOST}",
        "The Pod cannot reach AWS: a problem of DNS, routing or a proxy, and not of IAM.",
        Cause(
            "global-endpoint",
            "the SDK calls STS's global endpoint, which a VPC without internet access cannot "
            "reach: set AWS_STS_REGIONAL_ENDPOINTS=regional (annotation "
            'eks.amazonaws.com/sts-regional-endpoints: "true")',
            link="injection",
            source="external-secrets/external-secrets#651",
            words=words(r"(?<![\w.-])sts\.amazonaws\.com"),
        ),
        Cause(
            "dns",
            "the name cannot be resolved: CoreDNS is not running yet, or cannot be reached "
            "(Karpenter: dnsPolicy Default)",
            "kubectl get pods --namespace kube-system",
            source="aws/karpenter-provider-aws#1864",
            words=words(
                r"lookup |no such host|enotfound|getaddrinfo|unknown ?host|name resolution"
                r"|dial tcp: i/o timeout"
            ),
        ),
        Cause(
            "route",
            "there is no route: no NAT gateway and no interface endpoint, or the endpoint's "
            "security group does not let the Pod in",
            "aws ec2 describe-vpc-endpoints",
            source="external-secrets/kubernetes-external-secrets#148",
            # An address was tried: the name was resolved.
            words=words(r"(?:dial tcp|etimedout|econnrefused|timed out \(|/)[ ]?\d+\.\d+\.\d+"),
        ),
        Cause(
            "proxy",
            "a proxy is in between, and its certificate or NO_PROXY is not set",
            "look at HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE in the container",
            source="https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-proxy.html",
            words=words(r"x509:|proxy"),
        ),
    ),
    trouble(
        "no-region",
        "You must specify a region",
        r"you must specify a region|noregionerror|missing ?region"
        # SDKs for JavaScript can print a function's source in place of its name.
        r"|(?<!new error\(.)region is missing"
        r"|invalid ?region\b|unable to (?:find|load) a? ?region|missing required aws_region"
        r"|\bsts\.\.amazonaws|aws region is required|could not find region configuration",
        "The SDK does not know which region to call.",
        Cause(
            "not-injected",
            "the Pod has no AWS_REGION: AWS_DEFAULT_REGION was set by hand, or the webhook is "
            "old, or your own without --aws-default-region",
            link="injection",
            source="aws/amazon-eks-pod-identity-webhook#75",
        ),
        Cause(
            "own-setting",
            "the application or the profile has a region setting of its own, which is empty",
            "look for the region in the application's configuration and in the AWS config file",
            source="cert-manager/cert-manager#7102",
        ),
    ),
    trouble(
        "java-sts",
        "To use web identity tokens, the 'sts' service module must be on the class path",
        r"'?sts'? (?:service )?module must be on the class ?path"
        r"|stswebidentitycredentialsproviderfactory|stsprofilecredentialsservice\b",
        "The Java SDK keeps its web identity support in a module that the application lacks.",
        Cause(
            "module",
            "add software.amazon.awssdk:sts (SDK 2) or com.amazonaws:aws-java-sdk-sts (SDK 1) to "
            "the application",
            "look for the module among the application's dependencies",
            source="atleon/atleon#382",
        ),
    ),
    trouble(
        "wrong-keys",
        "InvalidClientTokenId: The security token included in the request is invalid",
        r"invalidclienttokenid|security token included in the request is invalid"
        r"|unrecognizedclientexception|invalidaccesskeyid|token is malformed or otherwise invalid",
        "AWS does not know these keys: they are static keys, or belong to a session of another "
        "region.",
        Cause(
            "stale-keys",
            "static keys that are wrong or deleted, but win over the role",
            link="precedence",
            source="cert-manager/cert-manager#1929",
        ),
        Cause(
            "session-token",
            "keys of a session without its AWS_SESSION_TOKEN",
            link="precedence",
            source="vancluever/terraform-provider-acme#113",
        ),
        Cause(
            "opt-in-region",
            "the region is not enabled in the account, or the session comes from STS's global "
            "endpoint, whose tokens are not valid in such regions",
            "aws account list-regions",
            source="aws/aws-cli#8413",
            words=words("malformed or otherwise invalid"),
        ),
        Cause(
            "new-keys",
            "the keys were created seconds ago",
            "wait, and try again",
            source="beelit94/python-terraform#6",
        ),
    ),
    trouble(
        "imds",
        "no EC2 IMDS role found, operation error ec2imds: GetMetadata, … context deadline exceeded",
        r"ec2 ?imds|imds (?:role|provider)|169\.254\.169\.254|ec2rolerequesterror|ec2metadata",
        "The SDK had no other credentials, asked the node for its role, and got no answer.",
        _NOT_MUTATED,
        Cause(
            "hop-limit",
            "the answer does not reach the Pod (IMDSv2 with a hop limit of 1). With IRSA that is "
            "what you want: only an application that is meant to use the node's role needs 2 or "
            "more",
            "aws ec2 describe-instances, MetadataOptions",
            source="kubernetes-sigs/aws-load-balancer-controller#3955",
            words=words("deadline exceeded|timed? ?out|etimedout|timeout"),
        ),
        Cause(
            "sdk",
            _SDK,
            _VERSIONS,
            source=f"{EKS_GUIDE}iam-roles-for-service-accounts-minimum-sdk.html",
        ),
        Cause(
            "region",
            "the SDK skipped web identity because it has no region",
            link="injection",
            source="NixOS/nix#15594",
        ),
        level=Level.FALLBACK,
    ),
    trouble(
        "no-credentials",
        "Unable to locate credentials",
        r"unable to locate credentials|nocredential(?:serror|providers)"
        r"|no valid (?:credential|providers)|could not load credentials|missing ?credentials"
        r"|failed to (?:refresh|retrieve) (?:cached )?credentials|credentialsnotloaded"
        r"|unable to load (?:aws )?credentials|no providers in chain provided credentials",
        "The SDK has no credentials: the webhook did not mutate the Pod, or something hides what "
        "it injected.",
        Cause(
            "annotation",
            "the service account's annotation is missing or misspelt, or the Pod runs as another "
            "service account",
            link="annotation",
            source="ministryofjustice/cloud-platform-infrastructure#1262",
        ),
        Cause("sdk", _SDK, _VERSIONS, source="traefik/traefik#10812"),
        _NOT_MUTATED,
        Cause(
            "by-hand",
            "the container sets one of the variables itself, so the webhook skips it",
            link="injection",
            source="https://github.com/aws/amazon-eks-pod-identity-webhook",
        ),
        Cause(
            "profile",
            "a profile without credentials is selected",
            link="precedence",
            source=f"{IAM_GUIDE}id_roles_use_switch-role-cli.html",
        ),
        level=Level.SUMMARY,
    ),
)
