"""AWS's errors on the wire, and those that only the emulator returns.

`irsa.identity.errors` has the others.
"""

import json
from uuid import uuid4
from xml.sax.saxutils import escape

from irsa.identity.errors import AwsError, not_authorized

_NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}

Response = tuple[int, dict[str, str], bytes]
"""HTTP status, headers and body: what MiniStack's handlers return."""


def as_xml(error: AwsError, service: str) -> Response:
    """The error as the query protocol of ``iam`` or ``sts`` puts it on the wire."""
    body = (
        f'<ErrorResponse xmlns="{_NAMESPACES[service]}"><Error><Type>Sender</Type>'
        f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
        f"<RequestId>{uuid4()}</RequestId></ErrorResponse>"
    )
    return error.http, {"Content-Type": "text/xml"}, body.encode()


def as_ec2_xml(error: AwsError) -> Response:
    """The error as ``ec2``'s own variety of the query protocol puts it on the wire."""
    body = (
        f"<Response><Errors><Error><Code>{error.code}</Code>"
        f"<Message>{escape(error.message)}</Message></Error></Errors>"
        f"<RequestID>{uuid4()}</RequestID></Response>"
    )
    return error.http, {"Content-Type": "text/xml"}, body.encode()


def as_s3(error: AwsError, resource: str) -> Response:
    """The error as S3 puts it on the wire."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}</Message><Resource>{escape(resource)}</Resource>"
        f"<RequestId>{uuid4()}</RequestId></Error>"
    )
    return error.http, {"Content-Type": "application/xml"}, body.encode()


def as_s3_control(error: AwsError) -> Response:
    """The error as S3 Control puts it on the wire."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse><Error><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{uuid4()}</RequestId>"
        "</ErrorResponse>"
    )
    return error.http, {"Content-Type": "application/xml"}, body.encode()


def as_json(error: AwsError) -> Response:
    """The error as the REST-JSON protocol of ``eks`` puts it on the wire."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return error.http, headers, json.dumps({"message": error.message}).encode()


def empty_answer(service: str, action: str) -> Response:
    """Success, when there is nothing else to say."""
    body = (
        f'<{action}Response xmlns="{_NAMESPACES[service]}"><ResponseMetadata>'
        f"<RequestId>{uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )
    return 200, {"Content-Type": "text/xml"}, body.encode()


def constraints_violated(problems: list[str]) -> AwsError:
    """Parameters are outside of the limits of the API's model."""
    count = len(problems)
    detected = f"{count} validation error{'s' if count > 1 else ''} detected"
    return AwsError("ValidationError", 400, f"{detected}: {'; '.join(problems)}")


def unreadable_request(reason: str) -> AwsError:
    """The request does not follow the query protocol."""
    return AwsError("MalformedQueryString", 400, reason)


def inline_policies_too_large(limit: int, role: str) -> AwsError:
    """The policies embedded in a role are too large together."""
    message = f"Maximum policy size of {limit} bytes exceeded for role {role}"
    return AwsError("LimitExceeded", 409, message)


def invalid_provider_url() -> AwsError:
    """An issuer that is not an ``https://`` URL."""
    return AwsError("InvalidInput", 400, "Invalid Open ID Connect Provider URL")


def provider_exists(url: str) -> AwsError:
    """The account has an OIDC provider for the issuer already."""
    return AwsError("EntityAlreadyExists", 409, f"Provider with url {url} already exists.")


def no_such_user(name: str) -> AwsError:
    """The account has no such user."""
    return AwsError("NoSuchEntity", 404, f"The user with name {name} cannot be found.")


def no_such_policy_version(arn: str, version: str) -> AwsError:
    """The account has no such managed policy, or the policy no such version."""
    message = f"Policy {arn} version {version} does not exist or is not attachable."
    return AwsError("NoSuchEntity", 404, message)


def no_such_provider(arn: str) -> AwsError:
    """The account has no such OIDC provider."""
    return AwsError("NoSuchEntity", 404, f"OpenIDConnect Provider not found for arn {arn}")


def transitive_tag_not_given() -> AwsError:
    """A request names a transitive tag that is not among its tags; words of public reports."""
    message = "The specified transitive tag key must be included in the requested tags."
    return AwsError("InvalidParameterValue", 400, message)


# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html


def invalid_id(resource_id: str) -> AwsError:
    """No resource has that id."""
    return AwsError("InvalidID", 400, f"The ID '{resource_id}' is not valid")


def no_such_launch_template(template_id: str) -> AwsError:
    """There is no launch template with that id."""
    message = f"The specified launch template, with template ID {template_id}, does not exist."
    return AwsError("InvalidLaunchTemplateId.NotFound", 400, message)


def token_of_other_parameters(message: str) -> AwsError:
    """EC2 got an idempotency token with other parameters before."""
    return AwsError("IdempotentParameterMismatch", 400, message)


def cluster_in_use() -> AwsError:
    """A cluster is deleted before its node groups."""
    return AwsError("ResourceInUseException", 409, "Cluster has nodegroups attached")


def cluster_protected(cluster: str) -> AwsError:
    """Deletion protection is on. The text is ours."""
    return AwsError(
        "InvalidRequestException",
        400,
        f"Cluster {cluster} cannot be deleted while its deletion protection is enabled",
    )


def invalid_parameter(message: str) -> AwsError:
    """EKS does not take a parameter's value."""
    return AwsError("InvalidParameterException", 400, message)


def no_such_cluster(cluster: str, node_group: str | None) -> AwsError:
    """There is no such cluster, or no such node group in it."""
    if node_group is None:
        message = f"No cluster found for name: {cluster}."
    else:
        message = f"No node group found for name: {node_group}."
    return AwsError("ResourceNotFoundException", 404, message)


def no_such_association(association_id: str) -> AwsError:
    """The cluster has no such EKS Pod Identity association."""
    message = f"No association found for id: {association_id}"
    return AwsError("ResourceNotFoundException", 404, message)


def association_exists(association_id: str) -> AwsError:
    """The service account has an EKS Pod Identity association already."""
    message = f"Association already exists: {association_id}"
    return AwsError("ResourceInUseException", 409, message)


def association_owned(association_id: str, addon_arn: str) -> AwsError:
    """Only its add-on changes the association. The text is ours."""
    message = f"Association {association_id} is owned by {addon_arn}; change it through the add-on"
    return AwsError("InvalidRequestException", 400, message)


def may_not_pass_role(caller_arn: str, role_arn: str) -> AwsError:
    """The caller may not give the role to EKS."""
    denied = not_authorized(caller_arn, "iam:PassRole", role_arn)
    return AwsError("AccessDeniedException", denied.http, denied.message)


def no_such_update(update_id: str) -> AwsError:
    """The cluster, node group or add-on has had no such update."""
    return AwsError("ResourceNotFoundException", 404, f"No update found for ID: {update_id}")


def access_denied() -> AwsError:
    """S3's answer to a request without credentials, unless a bucket's policy allows everyone.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    return AwsError("AccessDenied", 403, "Access Denied")


def no_such_resource() -> AwsError:
    """S3 Control has nothing of that ARN."""
    return AwsError("NoSuchResource", 404, "The specified resource doesn't exist.")


def malformed_xml() -> AwsError:
    """The body is not what S3's schema says."""
    message = (
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
    return AwsError("MalformedXML", 400, message)


def incomplete_signature() -> AwsError:
    """The Authorization header is of another scheme than Signature Version 4."""
    message = "Request must contain a signature that conforms to AWS standards"
    return AwsError("IncompleteSignature", 400, message)


def scope_of_another_service(service: str) -> AwsError:
    """The signature is for another service than the host's.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    """
    message = f"Credential should be scoped to correct service: '{service}'."
    return AwsError("SignatureDoesNotMatch", 403, message)


def missing_token() -> AwsError:
    """A request of the query protocol without a signature.

    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    """
    return AwsError("MissingAuthenticationToken", 403, "Request is missing Authentication Token")


def not_found() -> AwsError:
    """AWS has nothing at this path."""
    return AwsError("UnknownOperationException", 404, "No such operation")


def not_in_sandbox(what: str) -> AwsError:
    """The sandbox does not do what AWS would: refused, not ignored."""
    return AwsError("ValidationError", 400, f"{what} is not supported by the sandbox")
