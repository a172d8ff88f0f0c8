"""Installs the packages under names that are nobody else's: `components` would be anybody's.

All else stands in pyproject.toml, which has no way to say this of whole trees.
"""

from setuptools import find_packages, setup

NAMES = {"irsa": "irsa", "components": "irsa_components", "sandbox": "irsa_sandbox"}

setup(
    package_dir={name: folder for folder, name in NAMES.items()},
    packages=[
        package
        for folder, name in NAMES.items()
        for package in (name, *(f"{name}.{inner}" for inner in find_packages(folder)))
    ],
    package_data={
        "irsa.data": ["*.yaml"],
        "irsa_components.package": ["PulumiPlugin.yaml"],
        "irsa_sandbox": ["pods/*.cjs", "tools/*.txt", "tools/*/*"],
    },
)
