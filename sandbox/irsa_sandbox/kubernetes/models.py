"""lightkube's models, made ready for threads."""

from contextlib import suppress

import lightkube.config.models
import lightkube.resources.core_v1
import msgspec


def prepare_models() -> None:
    """Use each model of core resources and kubeconfigs once.

    msgspec builds what it needs to know of one at its first use, and crashes the process if two
    threads do so at the same time (0.19 to 0.22).
    """
    for module in (lightkube.config.models, lightkube.resources.core_v1):
        for model in vars(module).values():
            if isinstance(model, type) and issubclass(model, msgspec.Struct):
                with suppress(msgspec.ValidationError):  # a field that must be there
                    msgspec.convert({}, model)
