"""docs/package.md and schemas/package.json, from the components and tools/docs/examples/package."""

import json
from pathlib import Path

from components.package.schema import package_schema
from tools.docs.components import components

EXAMPLES = Path(__file__).parent / "examples" / "package"
PAGE = "docs/package.md"
SCHEMA = "schemas/package.json"

LANGUAGES = {
    "YAML": ("Pulumi.yaml", "yaml"),
    "TypeScript": ("index.ts", "typescript"),
    "Go": ("reports.go", "go"),
    "Python": ("program.py", "python"),
}
"""Each language's example, and how its code block is marked."""

INTRO = """# The components in any language

<!-- Written by tools/docs/package.py from components/package and tools/docs/examples/package. -->

{names} are a Pulumi package, `irsa`, for every language that Pulumi has. In the folder of your
program, with this repository's address or the folder of a checkout:

```sh
pulumi package add "$REPOSITORY/components/package"
```

Pulumi fetches the repository, makes the plugin a virtual environment of its own (Python 3.11 or
newer must be there), writes an SDK in your program's language into `sdks/`, and notes the package
in `Pulumi.yaml`. A tag is asked for with `@1.2.3` behind the folder. Where only the CLI is
installed, `pip install 'irsa[components]'` puts the plugin `pulumi-resource-irsa` on PATH, where
the engine finds it; `pulumi package get-schema pulumi-resource-irsa` shows what is in it.

[components.md](components.md) has every argument and output. In other languages than Python their
names are in the language's own spelling, and three things differ:

- What decides which resources there are (names, subjects, lists, choices) is plain: it cannot be
  another resource's output. ARNs and kubeconfigs can.
- A subject is a record: `namespace`, and either `name` or `pattern`.
- `DataBucket.access_policy()` is a method of Python's. `policies` makes the same managed policies,
  and `policyArns` has their ARNs.

A mistake is one line in Pulumi's output, as in Python:

```text
error: irsa:index:DataBucket resource 'reports' has a problem: {mistake}
```

## IRSA in one account

A bucket, a role that one service account may assume, and a Deployment that runs as it. Namespace
`reporting` is there, and the cluster is the one of your kubeconfig. In Python without an SDK, the
[components themselves](components.md) do the same.
"""

MISTAKE = "DataBucket reports.policies.reports: 'write' is none of read, read-write, full"

PROOF = """
## What is shown

The tests bring these four examples up in the sandbox, as they stand here: with the SDKs that
Pulumi's own generator writes, and the engine that starts the plugin itself. Pods list their bucket,
a second `up` changes nothing, and the resources, one by one, are those of the components in Python,
but for dependencies on the component where those in Python are on what is in it.
TypeScript, Go and Python run by the Automation API, YAML by its language host, where one is
installed. `pulumi package add` itself needs the language's host: it was run by hand for Python.
"""


def pages() -> dict[str, str]:
    """What is generated here, by its path in the repository."""
    names = [f"`{name}`" for name in components()]
    intro = INTRO.format(names=f"{', '.join(names[:-1])} and {names[-1]}", mistake=MISTAKE)
    examples = (
        f"\n### {language}\n\n```{mark}\n{(EXAMPLES / file).read_text()}```\n"
        for language, (file, mark) in LANGUAGES.items()
    )
    schema = json.dumps(package_schema(), indent=2) + "\n"
    return {PAGE: f"{intro}{''.join(examples)}{PROOF}", SCHEMA: schema}
