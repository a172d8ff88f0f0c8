"""Logical names: Pulumi takes a resource of another logical name for another resource.

A role, a user or a service account is therefore named after itself and not after the workload that
it serves. Renaming the workload would otherwise make it a second time, and then delete it.
"""


def iam_name(path: str, name: str) -> str:
    """Logical name of an IAM role or user.

    Its path belongs to it: IAM moves nothing to another path, and refuses a second one of the
    name, so that the one in use is not deleted to make room.
    """
    return f"{path}{name}".removeprefix("/")
