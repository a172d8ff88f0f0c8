"""The roles of an account that may be meant, where the one that is named is wrong. Pure."""

from difflib import get_close_matches

from irsa.identity.arns import name_of
from irsa.observe.facts import Unread
from irsa.observe.iam import AccountPrincipals
from irsa.verify.facts import Facts
from irsa.verify.remedies.trust import today_trusted

SIMILAR = 0.88
"""Share of letters of two names that a slip of the hand leaves alike: s3-ap, s3-app."""


def near_roles(facts: Facts) -> str:
    """Return the roles that may be meant, with the reason; empty if the account has none."""
    if isinstance(facts.trusting, Unread):
        return facts.trusting.text
    if facts.trusting:
        listed = " and ".join(each.arn for each in facts.trusting)
        return f"{listed} trust{'s' if len(facts.trusting) == 1 else ''} this service account"
    by_name = {}
    if isinstance(facts.iam, AccountPrincipals):
        by_name = {each.name: each for each in facts.iam.roles if each.arn != facts.role_arn}
    similar = get_close_matches(name_of(facts.role_arn) or facts.name, by_name, 1, SIMILAR)
    return "".join(
        f"there is {by_name[name].arn}, which trusts {today_trusted(by_name[name])} today"
        for name in similar
    )


def found_role(facts: Facts) -> str:
    """Return the reason for the expected role, if the account was searched for it."""
    return f"; {facts.found_role} trusts this service account" if facts.found_role else ""


def naming_role(facts: Facts) -> str:
    """Return where the role that the service account needs comes from."""
    if near := near_roles(facts):
        return f"choose the role: {near}"
    account = "" if facts.iam is None else " of the account"
    return f"no role{account} names this service account: create one, or ask its owner"
