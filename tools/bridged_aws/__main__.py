"""`python -m tools.bridged_aws FOLDER`: a `pulumi-resource-aws` for where no download is reached.

It is terraform-provider-aws behind Pulumi's bridge, of which pulumi-aws consists, built from their
Go modules (MPL-2.0 and Apache-2.0; nothing of them is kept here). What pulumi-aws is besides, its
patches and its hundred other services, it is not. It takes ten minutes, 4 GB of memory and 5 GB of
disk, once.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from irsa_sandbox.environment_variables import go_build_environment

MAIN = Path(__file__).with_name("main.go")

# With the hashes that go.sum would have (https://go.dev/ref/mod#go-sum-files).
PROVIDER = "github.com/hashicorp/terraform-provider-aws"
PROVIDER_VERSION = "v1.60.1-0.20260602190131-5f2286d6d836"
"""6.47.1: the module has no tags of its own for newer releases than 1.60.0."""
PROVIDER_HASH = "h1:haLmsj0WF7e6d2TGbk0fbz5qWdA9f8w9sNpMe6J6WqM="
BRIDGE = "github.com/pulumi/pulumi-terraform-bridge/v3@v3.120.0"
SDK = "github.com/hashicorp/terraform-plugin-sdk/v2"
SDK_FORK = "github.com/pulumi/terraform-plugin-sdk/v2"
"""The bridge works with this fork alone."""
SDK_FORK_VERSION = "v2.0.0-20250923233607-7f1981c8674a"
SDK_FORK_HASH = "h1:bTwou+tt2fyfuuCp9+VQOlgEJk/xKEaYeoX2HCtp2es="

SERVICES = {"ec2", "eks", "iam", "meta", "s3", "s3control", "sts"}
"""Of the 250 packages of the provider: what our programs use. All take hours to compile."""

# The protocol that the provider speaks is newer than the fork, by a method that Pulumi never calls.
NEWER_METHOD = """
func (s *GRPCProviderServer) GenerateResourceConfig(
	context.Context, *tfprotov5.GenerateResourceConfigRequest,
) (*tfprotov5.GenerateResourceConfigResponse, error) {
	return &tfprotov5.GenerateResourceConfigResponse{}, nil
}
"""


def main() -> None:
    """Build it into the folder, and say what to put on PATH."""
    parser = argparse.ArgumentParser(
        prog="bridged_aws", description="Builds a pulumi-resource-aws."
    )
    parser.add_argument("folder", type=Path, help="for sources and bin; new, or of an earlier run")
    folder: Path = parser.parse_args().folder.resolve()
    if shutil.which("go") is None:
        sys.exit("bridged_aws: no go on PATH; install Go 1.26 or newer")
    _take(folder)
    source, sdk, binaries = folder / "source", folder / "sdk", folder / "bin"
    _copy(PROVIDER, PROVIDER_VERSION, PROVIDER_HASH, source)
    _copy(SDK_FORK, SDK_FORK_VERSION, SDK_FORK_HASH, sdk)
    server = sdk / "helper" / "schema" / "grpc_provider.go"
    server.write_text(server.read_text() + NEWER_METHOD)
    _leave_services_out(source / "internal" / "provider" / "sdkv2" / "service_packages_gen.go")
    _leave_clients_out(source / "internal")
    _add_session_policy(source / "internal" / "service" / "eks" / "pod_identity_association.go")
    package = source / "cmd" / "pulumi-resource-aws"
    package.mkdir(parents=True)
    shutil.copy(MAIN, package)

    _go(source, "mod", "edit", f"-require={BRIDGE}", f"-replace={SDK}={sdk}")
    plugin, generator = binaries / "pulumi-resource-aws", binaries / "pulumi-tfgen-aws"
    print("bridged_aws: compiling; ten minutes the first time", flush=True)
    # As Pulumi.yaml's programs ask for, which warn of any other.
    stamped = f"-ldflags=-s -w -X main.version={version('pulumi-aws')}"
    _go(source, "build", stamped, f"-o={plugin}", f"./cmd/{package.name}")
    generator.unlink(missing_ok=True)
    generator.symlink_to(plugin)
    schema = [generator, "schema", "--out", binaries, "--skip-docs", "--skip-examples"]
    done = subprocess.run(schema, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bridged_aws: no schema: {done.stderr.strip().splitlines()[-1]}")
    print(f"bridged_aws: put {binaries} on PATH")


def _take(folder: Path) -> None:
    """Make the folder ours, in which sources are replaced; one with something else in it is not."""
    mark = folder / "bridged_aws"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists() and any(folder.iterdir()):
            sys.exit(f"bridged_aws: {folder} is not empty and not of an earlier run; give another")
        mark.touch()
    except OSError as error:
        sys.exit(f"bridged_aws: {folder} cannot be used: {error.strerror}")


def _copy(module: str, version: str, checksum: str, target: Path) -> None:
    """The module's source, for changes: packages called internal are closed to other modules."""
    answer = json.loads(_go(Path.cwd(), "mod", "download", "-json", f"{module}@{version}"))
    if answer["Sum"] != checksum:
        sys.exit(f"bridged_aws: {module}@{version} has hash {answer['Sum']}, not {checksum}")
    shutil.rmtree(target, ignore_errors=True)
    # Files of the module cache are read-only.
    shutil.copytree(answer["Dir"], target, copy_function=shutil.copyfile)
    for each in (target, *target.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)


def _leave_services_out(file: Path) -> None:
    kept = re.sub(
        r'\t(?:"[\w./-]+/internal/service/(\w+)"|\t(\w+)\.ServicePackage\(ctx\),)\n',
        lambda line: line[0] if (line[1] or line[2]) in SERVICES else "",
        file.read_text(),
    )
    file.write_text(kept)


def _leave_clients_out(internal: Path) -> None:
    """Keep the SDK's clients that are called in what is left: 244 of 264 only take time."""
    services = internal / "service"
    code = [
        path.read_text()
        for path in internal.rglob("*.go")
        if services not in path.parents or path.relative_to(services).parts[0] in SERVICES
    ]
    called = {name for text in code for name in re.findall(r"\.(\w+)Client\(", text)}
    file = internal / "conns" / "awsclient_gen.go"
    text = re.sub(
        r"\nfunc \(c \*AWSClient\) (\w+)Client\(.*?\n}\n",
        lambda method: method[0] if method[1] in called else "",
        file.read_text(),
        flags=re.DOTALL,
    )
    file.write_text(
        re.sub(
            r'\t"[\w./-]+/service/(\w+)"\n',
            lambda line: line[0] if f"*{line[1]}.Client]" in text else "",
            text,
        )
    )


def _add_session_policy(file: Path) -> None:
    """Add the session policy of an association, which pulumi-aws has since 7.51."""
    text = file.read_text()
    for before, added in {
        "\tRoleARN            fwtypes.ARN ": '\tPolicy types.String `tfsdk:"policy"`\n',
        "\t\t\tnames.AttrRoleARN: ": '\t\t\t"policy": schema.StringAttribute{Optional: true},\n',
    }.items():
        if before not in text:
            sys.exit(f"bridged_aws: {file.name} is not the one that it was: no {before.strip()}")
        text = text.replace(before, added + before)
    file.write_text(text)


def _go(folder: Path, *command: str) -> str:
    environment = {**go_build_environment(os.environ), "GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        ["go", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"bridged_aws: go {command[0]} failed in {folder}")
    return done.stdout


if __name__ == "__main__":
    main()
