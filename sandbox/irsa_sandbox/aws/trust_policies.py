"""Role trust policies as IAM stores them. Pure.

Their form is checked by `irsa.decide.trust_policy`; here are their size, and roles and users that
are named by unique id.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import json

from irsa.decide.document import DocumentError
from irsa.decide.trust_policy import (
    check_existence,
    check_shared_issuers,
    check_storable,
    compile_trust_policy,
)
from irsa.identity.errors import malformed_policy, quota_exceeded
from irsa.identity.policies import size
from irsa.identity.policy_json import with_principals
from irsa.identity.quotas import TRUST_POLICY_QUOTA


def stored_trust_policy(text: str, unique_ids: dict[str, str]) -> str:
    """The document as IAM shows it once it is stored.

    ``unique_ids`` are the roles and users that exist: the ARN of each by its unique id. Raises
    `AwsError` for a document that IAM refuses.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise malformed_policy("This policy contains invalid Json") from error
    try:
        compile_trust_policy(document)
        check_storable(document)
        check_shared_issuers(document)
        document = with_principals(document, lambda each: unique_ids.get(each, each))
        check_existence(document, frozenset(unique_ids.values()))
    except DocumentError as error:
        raise malformed_policy(error.message) from error
    if size(document) > TRUST_POLICY_QUOTA:
        raise quota_exceeded("ACLSizePerRole", TRUST_POLICY_QUOTA)
    return json.dumps(document)
