"""docs/components.md: every component with an example that runs, its arguments and its outputs."""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from irsa_components import values
from irsa_components.package.provider import COMPONENTS
from tools.docs.markdown import anchor, table

EXAMPLES = Path(__file__).parent / "examples"
PAGE = "docs/components.md"
REQUIRED = "**required**"

INTRO = """# Components

<!-- Written by tools/docs/components.py from the components' classes and tools/docs/examples. -->

```sh
pip install 'irsa-components[eks] @ git+https://github.example/acme/irsa@v0.2.0#subdirectory=components'
```

Pulumi components for Python; [package.md](package.md) has them for other languages. Each takes a
name, its arguments and `ResourceOptions`, whose providers the children inherit. An output that
names a resource (`role_arn`, `bucket_name`) is known once everything that belongs to the resource
exists, so a resource that uses the output finds it complete. The created resources are attributes
(`role`, `bucket`, `association`, `deployment`). Without a physical name, Pulumi makes one by the
stack's `pulumi:autonaming`.

In Python alone:

- An argument that takes a component (`role`, `cluster`, `irsa_clusters`, `association`, `user`)
  replaces the one for an ARN or id, whose default is then "the component's". It is also checked: a
  role must admit the pods' service account.
- `StackCluster("platform", StackReference("acme/platform/dev"))` is the cluster that another stack
  exports as `cluster_name`, `cluster_arn`, `issuer_url`, `provider_arn` and `kubeconfig`.
- `bucket.read()`, `bucket.read_write(prefix="reports/")` and `allow(actions, resources)` are policy
  documents for `policies` of a role.
- `shared_name("s3-app-B", "acme/irsa/dev")` is a name on which two stacks agree before it exists.
- `role_arn("111122223333", "s3-app-A")` is the ARN of a role of that account and name.
- `cluster.kubernetes_provider` of an `EksCluster` or `StackCluster` is the Kubernetes provider for
  resources in that cluster.
"""

COMPARED = EXAMPLES.parent / "compared"
_OTHERS = (
    ("these components", "components.py", "account B trusts the cluster's issuer"),
    ("AWS CDK in Python", "cdk.txt", "the same; written from CDK's reference, not run"),
    ("eksctl, CloudFormation, kubectl", "eksctl.txt", "by a role chain; from their pages, not run"),
)
_NOTE = """
Lines without imports, for the same bucket (private, versioned, TLS only) and the same pod. In the
others, the service account's name, the role's ARN and the issuer are text that must agree in two or
three places; here they are values.
"""
_ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
_IDENTITY = {
    "kubernetes:core/v1:ServiceAccount": "an existing one is read",
    "kubernetes:core/v1:ServiceAccountPatch": "the annotations of an existing service account",
    "kubernetes:core/v1:ConfigMap": "the AWS config file, with `chain`",
    "kubernetes:core/v1:Secret": "the key, with `access_key`",
}
CHILDREN: dict[str, dict[str, str]] = {
    "AccessKeyUser": {
        "aws:iam/user:User": "",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment": "one for each policy",
        "aws:iam/accessKey:AccessKey": "",
    },
    "CrossAccountRole": {
        "aws:iam/role:Role": "",
        "aws:iam/rolePolicy:RolePolicy": "one for each of `policies`",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "one for each of `policy_arns`",
    },
    "DataBucket": {
        "aws:s3/bucket:Bucket": "only read with `existing`, and then without its settings",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "",
        _ENCRYPTION: "",
        "aws:s3/bucketVersioning:BucketVersioning": "",
        "aws:s3/bucketPolicy:BucketPolicy": "",
        "aws:iam/policy:Policy": "one for each policy that is named or listed",
    },
    "EksCluster": {
        "eks:index:Cluster": "with `existing`, `aws:eks/cluster:Cluster` is read",
        "aws:eks/addon:Addon": (
            "`eks-pod-identity-agent` (not in China), then `vpc-cni`, of a created cluster"
        ),
        "aws:iam/role:Role": "of VPC CNI, and of the nodes of a created cluster",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "one of VPC CNI's role, two of nodes'",
        "aws:ec2/launchTemplate:LaunchTemplate": "of the nodes: IMDSv2 within the node only",
        "aws:eks/nodeGroup:NodeGroup": (
            "of a created cluster; with `auto_mode`, neither it nor the four above"
        ),
        "aws:eks/accessEntry:AccessEntry": "one for each principal in `access_entries`",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "one for each access entry",
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
            "only read of an existing cluster, unless `create_provider`; none with `provider_arn`"
        ),
        "pulumi:providers:kubernetes": "",
    },
    "Namespace": {"kubernetes:core/v1:Namespace": "only read with `existing`"},
    "PodIdentityAssociation": {"aws:eks/podIdentityAssociation:PodIdentityAssociation": ""},
    "ServiceAccountRole": {
        "aws:iam/role:Role": "",
        "aws:iam/rolePolicy:RolePolicy": "one for each of `policies`",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (
            "one for each of `policy_arns`, one with `role_b_arns`"
        ),
        "aws:iam/policy:Policy": "`sts:AssumeRole`, with `role_b_arns`",
        "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "with `exclusive`",
        "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": "with `exclusive`",
    },
    "Workload": {**_IDENTITY, "kubernetes:apps/v1:Deployment": ""},
    "WorkloadIdentity": _IDENTITY,
}
"""Children of each component; tests/unit/tools/docs/test_components.py compares."""


def pages() -> dict[str, str]:
    """Return the generated pages by path."""
    contents = "".join(
        f"- [`{name}`]({anchor(name)}): {purpose(kind)}\n" for name, kind in components().items()
    )
    sections = (_component(name, kind) for name, kind in components().items())
    return {PAGE: f"{INTRO}\n{contents}\n{_compared()}{''.join(sections)}"}


def _compared() -> str:
    """A whole program, and how long it is with other tools."""
    program = (COMPARED / "components.py").read_text()
    rows = [
        (f"[{name}](../tools/docs/compared/{file})", str(_lines(COMPARED / file)), how)
        for name, file, how in _OTHERS
    ]
    heading = "## A web service with a bucket in another account"
    return f"{heading}\n\n```python\n{program}```\n\n{table(('with', 'lines', 'how'), rows)}{_NOTE}"


def _lines(file: Path) -> int:
    """Lines without imports, comments and empty ones."""
    lines = (line.strip() for line in file.read_text().splitlines())
    return sum(not line.startswith(("import ", "from ", "#")) for line in lines if line)


def components() -> dict[str, Any]:
    """Every component, by its name."""
    return {kind.__name__: kind for kind in COMPONENTS}


def example(name: str) -> Path:
    """The program that shows a component."""
    return EXAMPLES / f"{_module(name)}.py"


def _module(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def _component(name: str, kind: Any) -> str:
    args = get_type_hints(kind.__init__)["args"]
    file = f"components/irsa_components/{_module(name)}.py"
    rows = [(f"`{typ}`", when) for typ, when in CHILDREN[name].items()]
    nested = "".join(
        f"`{nested_args.__name__}`: {purpose(nested_args)}\n\n{_arguments_table(nested_args)}\n"
        for nested_args in _nested(args)
    )
    return (
        f"\n## {name}\n\n{purpose(kind)} ([{file}](../{file}))\n\n"
        f"```python\n{example(name).read_text()}```\n\n"
        f"{_arguments_table(args)}\n{nested}"
        f"{table(('output', 'type', 'meaning'), list(_outputs(kind)))}\n"
        f"{table(('child', 'when'), rows)}"
    )


def purpose(kind: Any) -> str:
    """Return the first paragraph of a class's docstring."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _arguments_table(kind: Any) -> str:
    return table(("argument", "type", "default", "meaning"), list(_arguments(kind)))


def _nested(hint: Any) -> Iterator[Any]:
    for each in [each.type for each in fields(hint)] if is_dataclass(hint) else get_args(hint):
        if is_dataclass(each):
            yield each
        yield from _nested(each)


def _arguments(kind: Any) -> Iterator[tuple[str, str, str, str]]:
    defaults = {each.name: _default(each) for each in fields(kind)}
    for name, annotation, text in annotated(kind):
        if name in defaults:
            yield f"`{name}`", f"`{annotation}`", defaults[name], text


def _outputs(kind: Any) -> Iterator[tuple[str, str, str]]:
    for name, annotation, text in annotated(kind):
        yield f"`{name}`", f"`{annotation}`", text


def _default(field: "Field[Any]") -> str:
    if field.default_factory is not MISSING:
        return f"`{getattr(field.default_factory, '__name__', '')}()`"
    if field.default is values.FROM_OBJECT:
        return "the component's"
    return REQUIRED if field.default is MISSING else f"`{field.default!r}`"


def annotated(kind: Any) -> Iterator[tuple[str, str, str]]:
    """Yield name, annotation and docstring of a class's fields, inherited ones included."""
    for base in kind.__bases__:
        if base.__module__.startswith("irsa_components."):
            yield from annotated(base)
    (node,) = ast.parse(inspect.getsource(kind)).body
    unchecked = _Unchecked(kind.__module__)
    for member, after in pairwise([*getattr(node, "body", []), None]):
        match member, after:
            case ast.FunctionDef(name=name, decorator_list=[ast.Name(id="property")]), _ if (
                not name.startswith("_") and member.returns is not None
            ):
                text = (ast.get_docstring(member) or "").partition("\n\n")[0]
                yield name, ast.unparse(member.returns), " ".join(text.split())
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=annotation),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, ast.unparse(unchecked.visit(annotation)), " ".join(text.split())


class _Unchecked(ast.NodeTransformer):
    """Leaves out the checks that an annotation has, or a type that it names."""

    def __init__(self, module: str) -> None:
        self._module = sys.modules[module]

    def visit(self, node: ast.AST) -> Any:
        """Replace a type that is checked by the type of its values."""
        match node:
            case ast.Name(id=name):
                kind = getattr(self._module, name, None)
            case ast.Attribute(value=ast.Name(id="values"), attr=name):
                kind = getattr(values, name)
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, *_])):
                return self.visit(kind)
            case _:
                return self.generic_visit(node)
        return ast.Name(get_args(kind)[0].__name__) if get_origin(kind) is Annotated else node
