"""The inventory of an account that was saved as the AWS CLI prints it."""

import json
import time
from collections.abc import Iterator, Sequence

from irsa.audit.findings import AuditFacts
from irsa.commands import cli
from irsa.inventory.rows import Inventory
from irsa.observe.facts import Role, Unread
from irsa.observe.files import read_text
from irsa.observe.iam import IamReader
from irsa_core.identity.arns import account_of
from irsa_core.identity.policy_json import Json, mapping

SAVE = "aws iam get-account-authorization-details"
_ELSEWHERE = "a saved account has no clusters and OIDC providers; run without a file"


def read_saved_account(file: str) -> Inventory:
    """Read the roles of one account from all pages of its listing; raises `cli.Stop`."""
    pages = list(_pages(file))
    try:
        listed = IamReader(pages).result()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise _stop(file, "it is not a listing of an account") from None
    if all(page.get("IsTruncated") or page.get("NextToken") for page in pages):
        raise _stop(file, "the last page of the listing is missing")
    accounts = list(dict.fromkeys(role.account for role in listed.roles))
    if len(accounts) != 1:
        raise _stop(file, f"it has roles of {len(accounts)} accounts, one is read")
    if odd := [role.arn for role in listed.roles if not _is_read(role)]:
        raise _stop(file, f"a policy of {odd[0]} is not a JSON object")
    return Inventory(
        facts=AuditFacts(
            clusters=[],
            accounts=accounts,
            roles=listed.roles,
            providers=[],
            every_provider=False,
            now=time.time(),
        ),
        accounts=[listed],
        unchecked={
            "rules on service accounts, associations and OIDC providers": _ELSEWHERE,
            "forged-tags, pass-any-role": next(_unlisted(listed.roles), ""),
        },
    )


def _stop(file: str, problem: str) -> cli.Stop:
    return cli.Stop(f"{file}: {problem}; give all that `{SAVE}` prints")


def _pages(file: str) -> Iterator[Json]:
    """Yield the JSON objects of a file, one after the other."""
    text, decoder = read_text(file).strip(), json.JSONDecoder()
    while text:
        try:
            page, end = decoder.raw_decode(text)
        except (ValueError, RecursionError):
            raise _stop(file, "it is not JSON") from None
        yield mapping(page)
        text = text[end:].lstrip()


def _unlisted(roles: Sequence[Role]) -> Iterator[str]:
    """Yield reasons why policies of the account itself are not judged."""
    for role in roles:
        if isinstance(role.policies, Unread):
            yield f"{role.policies.text}; save what `{SAVE}` prints"
        for each in role.known_policies:
            if isinstance(each.document, Unread) and account_of(each.arn) == role.account:
                yield f"{each.document.text}; save the account without --filter"


def _is_read(role: Role) -> bool:
    documents: list[object] = [role.trust_policy, *(each.document for each in role.known_policies)]
    return all(isinstance(each, dict | Unread) for each in documents)
