"""Lines that users give to `pip install`: no package index has the names."""

from irsa_core import REPOSITORY, __version__

CORE, COMMAND, COMPONENTS, SANDBOX = (
    f"{name} @ git+{REPOSITORY}@v{__version__}#subdirectory={folder}"
    for name, folder in (
        ("irsa-core", "core"),
        ("irsa", "command"),
        ("irsa-components", "components"),
        ("irsa-sandbox", "sandbox"),
    )
)
WITH_EKS = COMPONENTS.replace(" @", "[eks] @")
