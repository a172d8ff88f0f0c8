"""Install the packages under names of their own: `sandbox` could be any program's.

Everything else is in pyproject.toml, which cannot rename whole folders.
"""

from setuptools import find_packages, setup

NAMES = {
    "irsa": "irsa",
    "components/irsa_components": "irsa_components",
    "sandbox": "irsa_sandbox",
}

setup(
    package_dir={name: folder for folder, name in NAMES.items()},
    packages=[
        package
        for folder, name in NAMES.items()
        for package in (name, *(f"{name}.{inner}" for inner in find_packages(folder)))
    ],
    package_data={
        "irsa.data": ["*.yaml"],
        "irsa_sandbox": [
            "aws/*.json",
            "pods/*.cjs",
            "tools/*.txt",
            "tools/*/*",
            "tools/**/stub.go",
        ],
    },
)
