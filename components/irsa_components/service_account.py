"""The service account that a role, an association and a workload name."""

from . import values


@values.arguments
class ServiceAccount:
    """A service account, for everything in the program that must mean the same one."""

    namespace: values.NamespaceName
    """Its namespace."""

    name: values.ServiceAccountName
    """Its exact name."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
