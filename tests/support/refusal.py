"""The message of a refusal."""

import pytest


def refusal(function, *args, raised: type[Exception] = ValueError, **options) -> str:
    """The one line that a refused call gives."""
    with pytest.raises(raised, match=r".") as caught:
        function(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message
