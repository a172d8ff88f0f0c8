"""The mock engine of these tests, whatever ran in the process before."""

import asyncio

import pulumi

from tests.support.engine import deploy


def test_a_program_runs_after_somebody_took_the_event_loop_of_the_thread_away():
    asyncio.run(asyncio.sleep(0))
    engine = deploy(lambda: pulumi.ComponentResource("irsa:test:Nothing", "nothing"))
    assert [resource.name for resource in engine.registered] == ["nothing"]
