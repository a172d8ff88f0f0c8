"""How a program that waits for nothing ends."""

import asyncio


async def registrations_begin() -> None:
    """Let every registration begin before the SDK waits. It waits for outputs otherwise, anew after
    each one, which takes time with the square of their number."""
    await asyncio.sleep(0)
