"""A Pulumi CLI that notes which folder it would write its log to, and does nothing."""

from pathlib import Path

CLI = """\
#!/bin/sh
echo "$PULUMI_HOME" >> "$0.homes"
if test "$1" = version; then echo v3.274.1; fi
"""


def write_cli(folder: Path) -> Path:
    program = folder / "tools" / "bin" / "pulumi"
    program.parent.mkdir(parents=True)
    program.write_text(CLI)
    program.chmod(0o755)
    return program


def homes(cli: Path) -> list[str]:
    return cli.with_name("pulumi.homes").read_text().splitlines()
