"""STS in front of MiniStack's: its missing checks before a trust policy decides.

MiniStack believes any web identity token. Here it is verified (`irsa.signatures`) against the
key set of the cluster and the OIDC providers of the role's account. MiniStack gets a token whose
only audience is the one that matched, which is how STS itself fills ``<issuer>:aud``. Session
limits, the tags that a session passes on, and AWS's own error messages are here too.
"""

import logging
import re
import time
from collections.abc import Mapping
from xml.sax.saxutils import escape

import jwt

from irsa.signatures import Verified, verify_token
from irsa_core.identity.arns import kind_of, parse_role_arn, provider_arn_for
from irsa_core.identity.errors import (
    AwsError,
    above_chained_maximum,
    above_role_maximum,
    invalid_role_arn,
    not_authorized,
    root_may_not_assume,
    transitive_tag_is_set,
    web_identity_denied,
)
from irsa_core.identity.quotas import (
    CHAINED_SESSION_MAX,
    DEFAULT_ROLE_SESSION_DURATION,
    DEFAULT_SESSION_DURATION,
)
from irsa_core.identity.token import (
    OidcProvider,
    decode_unverified,
    issuer_url_of,
    registered_provider,
)

from . import errors
from .errors import Response
from .front import AwsRequest
from .query_protocol import Parameters, check, form, numbered, query_parameters
from .records import TRANSITIVE_KEYS, Record, Records, note_use, tag_keys
from .tokens import ClusterKeys

_TAG_SESSION = "sts:TagSession"
_TOLD = re.compile(r"<(SubjectFromWebIdentityToken|Audience|Provider)>[^<]*<")
"""Constants with which MiniStack answers for a web identity."""
_ACCESS_KEY = re.compile(rb"<AccessKeyId>([^<]+)<")

log = logging.getLogger("ministack.sts")


class Sts:
    """MiniStack's STS handler with the checks in front of it."""

    def __init__(self, records: Records, keys: ClusterKeys) -> None:
        self._sts = records.handlers["sts"]
        self._records = records
        self._keys = keys

    async def answer(self, request: AwsRequest) -> Response:
        """Answer a request to STS."""
        parameters = query_parameters(request)
        try:
            check("sts", parameters)
            match parameters.get("Action"):
                case "AssumeRoleWithWebIdentity":
                    return await self._assume_with_web_identity(parameters)
                case "AssumeRole":
                    return await self._assume(parameters, request)
            return await self._sts(*request)
        except AwsError as error:
            log.info("%s %s: %s", parameters.get("Action"), parameters.get("RoleArn"), error)
            raise

    async def _assume_with_web_identity(self, parameters: Parameters) -> Response:
        account = _account_of(parameters["RoleArn"])
        if any(name.startswith("Policy") for name in parameters):
            # MiniStack would grant the session without applying it.
            raise errors.not_in_sandbox("A session policy of AssumeRoleWithWebIdentity")
        claims, _, audience = await self._verified(parameters["WebIdentityToken"], account)
        role = self._records.role(parameters["RoleArn"])
        if role is None:
            raise web_identity_denied()
        judged = {"iss": claims["iss"], "sub": claims["sub"], "aud": audience}
        unsigned = jwt.encode(judged, "", algorithm="none")  # MiniStack reads the claims only
        answer = await self._sts(*form(parameters | {"WebIdentityToken": unsigned}))
        status, more, xml = _session(answer, parameters, role)
        told = {
            "SubjectFromWebIdentityToken": claims["sub"],
            "Audience": audience,
            "Provider": provider_arn_for(claims["iss"], _account_of(role["Arn"])),
        }
        text = _TOLD.sub(lambda element: f"<{element[1]}>{escape(told[element[1]])}<", xml.decode())
        return status, more, text.encode()

    async def _verified(self, raw: str, account: str) -> Verified:
        token = decode_unverified(raw)
        issuer_url = issuer_url_of(token.claims)
        provider = self._records.provider(account, provider_arn_for(issuer_url, account))
        providers: list[OidcProvider] = []
        if provider is not None:
            clients, reachable = provider["ClientIDList"], self._keys.reaches(issuer_url)
            providers.append(OidcProvider(provider["Url"], tuple(clients), reachable))
        registered_provider(issuer_url, providers)  # before the keys are fetched
        keys = await self._keys.of_issuer(issuer_url, token.header.get("kid"))
        return verify_token(token, jwks=keys, now=time.time(), providers=providers)

    def _assumable(self, parameters: Parameters, request: AwsRequest) -> Record:
        """The role that AssumeRole names, when the caller may ask for it at all."""
        role_arn = parameters["RoleArn"]
        _account_of(role_arn)
        caller_arn = self._records.caller(request)
        if caller_arn.endswith(":root"):
            raise root_may_not_assume()
        if kind_of(caller_arn) == "assumed-role" and _duration(parameters) > CHAINED_SESSION_MAX:
            raise above_chained_maximum()
        role = self._records.role(role_arn)
        if role is None:
            raise not_authorized(caller_arn, "sts:AssumeRole", role_arn)
        return role

    async def _assume(self, parameters: Parameters, request: AwsRequest) -> Response:
        """AssumeRole with the tags that the caller's session passes on, and that MiniStack forgets.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining
        """
        role, tags = self._assumable(parameters, request), _tags(parameters)
        names = {name.lower(): name for name in tags}
        session = self._records.session(request)
        kept = {tag["Key"]: tag["Value"] for tag in session.get("SessionTags") or ()}
        passed_on = {name: kept[name] for name in session.get(TRANSITIVE_KEYS, ())}
        if names.keys() & {name.lower() for name in passed_on}:
            raise transitive_tag_is_set()
        transitive_keys = [
            key.lower() for key in numbered(parameters, f"{TRANSITIVE_KEYS}.member").values()
        ]
        if not names.keys() >= set(transitive_keys):
            raise errors.invalid_parameter_value(  # in words of public reports
                "The specified transitive tag key must be included in the requested tags."
            )
        tags |= passed_on
        transitive = [*passed_on, *(names[name] for name in transitive_keys)]
        if tags:
            keys = tag_keys(tags, transitive)
            caller = self._records.denied(_TAG_SESSION, role["Arn"], request, keys)
            if caller is not None:
                raise not_authorized(caller, _TAG_SESSION, role["Arn"])
        answer = await self._sts(*form(parameters | _as_parameters(tags), request.headers))
        answer = _session(answer, parameters, role)
        if made := _ACCESS_KEY.search(answer[2]) if answer[0] == 200 else None:
            self._records.sessions[made[1].decode()][TRANSITIVE_KEYS] = transitive
        return answer


def _duration(parameters: Parameters) -> int:
    """The length of the session that is asked for, in seconds."""
    return int(parameters.get("DurationSeconds", DEFAULT_SESSION_DURATION))


def _account_of(role_arn: str) -> str:
    parsed = parse_role_arn(role_arn)
    if parsed is None:
        raise invalid_role_arn()
    return parsed.account


def _tags(parameters: Parameters) -> dict[str, str]:
    """The session tags that a request asks for."""
    values = numbered(parameters, "Tags.member", ".Value")
    keys = numbered(parameters, "Tags.member", ".Key")
    return {key: values.get(number, "") for number, key in keys.items()}


def _as_parameters(tags: Mapping[str, str]) -> Parameters:
    return {
        f"Tags.member.{number}.{field}": text
        for number, tag in enumerate(tags.items(), start=1)
        for field, text in zip(("Key", "Value"), tag, strict=True)
    }


def _session(answer: Response, parameters: Parameters, role: Record) -> Response:
    """The answer, unless it grants a longer session than the role allows; noted in the role.

    The length is checked last, so that only a principal that the role trusts learns about it. For
    IAM a role is used by a request with its credentials; here by their issue.
    """
    if answer[0] == 200:
        if _duration(parameters) > role.get("MaxSessionDuration", DEFAULT_ROLE_SESSION_DURATION):
            raise above_role_maximum()
        note_use(role)
    return answer
