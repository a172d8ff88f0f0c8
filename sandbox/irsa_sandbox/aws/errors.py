"""AWS's errors on the wire, and those that only the emulator returns.

`irsa_core.identity.errors` has the others.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from irsa_core.identity.errors import AwsError

from .hosts import ANSWERED

NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ERRORS = {
    "ec2": "<Response><Errors><Error>{}</Error></Errors><RequestID>{}</RequestID></Response>",
    "s3": _HEAD + "<Error>{}<RequestId>{}</RequestId></Error>",
    "s3-control": _HEAD
    + "<ErrorResponse><Error>{}</Error><RequestId>{}</RequestId></ErrorResponse>",
    **{
        service: f'<ErrorResponse xmlns="{namespace}"><Error><Type>Sender</Type>'
        "{}</Error><RequestId>{}</RequestId></ErrorResponse>"
        for service, namespace in NAMESPACES.items()
    },
}
"""The document of an error, with places for its details and the id of the request."""

Response = tuple[int, dict[str, str], bytes]
"""HTTP status, headers and body: what MiniStack's handlers return."""


def as_response(error: AwsError, service: str, resource: str = "") -> Response:
    """The error as the service puts it on the wire: in XML, or by the REST-JSON protocol."""
    if service not in _ERRORS:
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
        body = json.dumps({"__type": error.code, "message": error.message})
        return error.http, headers, body.encode()
    details = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    if resource:
        details += f"<Resource>{escape(resource)}</Resource>"
    kind = "application/xml" if service.startswith("s3") else "text/xml"
    body = _ERRORS[service].format(details, uuid4())
    return error.http, {"Content-Type": kind}, body.encode()


def as_answer(document: Mapping[str, Any]) -> Response:
    """A document as the REST-JSON protocol puts it on the wire."""
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


def empty_answer(action: str) -> Response:
    """IAM's success, when there is nothing else to say."""
    body = (
        f'<{action}Response xmlns="{NAMESPACES["iam"]}"><ResponseMetadata>'
        f"<RequestId>{uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )
    return 200, {"Content-Type": "text/xml"}, body.encode()


def no_such_cluster(cluster: str, node_group: str | None = None) -> AwsError:
    """There is no such cluster, or no such node group in it."""
    what, name = ("cluster", cluster) if node_group is None else ("node group", node_group)
    return resource_not_found(f"No {what} found for name: {name}.")


def _error(code: str, http: int, text: str = "{}") -> Callable[..., AwsError]:
    """An error with its arguments in the places of the text."""
    return lambda *given: AwsError(code, http, text.format(*given))


# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
unreadable_request = _error("MalformedQueryString", 400)
missing_token = _error("MissingAuthenticationToken", 403, "Request is missing Authentication Token")
incomplete_signature = _error(
    "IncompleteSignature", 400, "Request must contain a signature that conforms to AWS standards"
)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
scope_of_another_service = _error(
    "SignatureDoesNotMatch", 403, "Credential should be scoped to correct service: '{}'."
)
not_found = _error("UnknownOperationException", 404, "No such operation")
not_in_sandbox = _error("ValidationError", 400, "{} is not supported by the sandbox")
_SERVICES = ", ".join(sorted(ANSWERED))
service_is_missing = _error(  # no SDK tries again after it
    "NotInSandbox", 400, f"the sandbox answers for {_SERVICES}, and not for {{}}"
)
constraints_violated = _error("ValidationError", 400)

# IAM and STS
limit_exceeded = _error("LimitExceeded", 409)
invalid_input = _error("InvalidInput", 400)
entity_exists = _error("EntityAlreadyExists", 409)
no_such_entity = _error("NoSuchEntity", 404)
invalid_parameter_value = _error("InvalidParameterValue", 400)

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
invalid_id = _error("InvalidID", 400, "The ID '{}' is not valid")
no_such_launch_template = _error(
    "InvalidLaunchTemplateId.NotFound",
    400,
    "The specified launch template, with template ID {}, does not exist.",
)
token_of_other_parameters = _error("IdempotentParameterMismatch", 400)

# EKS and EKS Auth
resource_in_use = _error("ResourceInUseException", 409)
invalid_request = _error("InvalidRequestException", 400)
invalid_parameter = _error("InvalidParameterException", 400)
resource_not_found = _error("ResourceNotFoundException", 404)
association_exists = _error("ResourceInUseException", 409, "Association already exists: {}")
access_denied_exception = _error("AccessDeniedException", 400)
invalid_token = _error("InvalidTokenException", 400)
"""A token that EKS Auth does not take. AWS's own words are not known."""

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
access_denied = _error("AccessDenied", 403, "Access Denied")
no_such_resource = _error("NoSuchResource", 404, "The specified resource doesn't exist.")
malformed_xml = _error(
    "MalformedXML",
    400,
    "The XML you provided was not well-formed or did not validate against our published schema",
)
