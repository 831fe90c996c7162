"""When a client refuses in the runtime's place: because it was told to stay away, or because more would come too late."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from jigsmith import backpressure
from jigsmith.backpressure import WAITING_UNSEEN_MIN, Backpressure
from jigsmith.errors import DeadlineError, Details, FunctionRaisedError, OverloadedError

TURN_S = 0.01


class _Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """Time that passes when it is told to."""
    clock = _Clock()
    monkeypatch.setattr(backpressure.time, "monotonic", clock)
    return clock


@contextmanager
def _many_open(client: Backpressure, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(client.call("draft", 60, remembered=False))
        yield


def _serve_many(client: Backpressure, clock: _Clock, *, error: BaseException | None = None) -> None:
    """Serve as many as a connection carries, one after another in TURN_S each."""
    calls = [client.call("draft", 60, remembered=False) for _ in range(WAITING_UNSEEN_MIN)]
    for call in calls:
        call.__enter__()
    for call in calls:
        clock.now += TURN_S
        call.__exit__(None if error is None else type(error), error, None)


def test_who_would_wait_for_too_long_is_refused_here(clock: _Clock) -> None:
    """100 open calls of 10 ms each: one more is worth asking with 2 s, and not with 1 s."""
    client = Backpressure()
    _serve_many(client, clock)
    with _many_open(client, WAITING_UNSEEN_MIN):
        with pytest.raises(OverloadedError, match="100 calls of this client are open") as refused:
            client.call("draft", 1, remembered=False).__enter__()
        assert refused.value.reason == "QUEUE_FULL"
        assert refused.value.status == "RESOURCE_EXHAUSTED"
        assert refused.value.retry_after_ms in {500, 501}  # half as long again as it seems, less what it has
        with client.call("draft", 2, remembered=False):
            pass
        with client.call("draft", 0.001, remembered=True):  # needs no room
            pass
        with client.call("channel", 0.001, remembered=False):  # another lane
            pass
    with client.call("draft", 0.001, remembered=False):  # they have ended
        pass


def test_functions_that_fail_tell_how_fast_calls_are_served(clock: _Clock) -> None:
    """A call took its turn whether or not its function raised."""
    client = Backpressure()
    _serve_many(client, clock, error=FunctionRaisedError("ValueError"))
    with _many_open(client, WAITING_UNSEEN_MIN), pytest.raises(OverloadedError):
        client.call("draft", 1, remembered=False).__enter__()


@pytest.mark.parametrize("error", [DeadlineError("late"), KeyboardInterrupt()])
def test_calls_that_were_given_up_tell_nothing(clock: _Clock, error: BaseException) -> None:
    """Nobody knows how long they would have taken; and they are not open any more."""
    client = Backpressure()
    _serve_many(client, clock, error=error)
    with _many_open(client, 10 * WAITING_UNSEEN_MIN), client.call("draft", 0.001, remembered=False):
        pass
    assert client._lanes["draft"].open == 0


def test_what_waits_with_nobody_is_the_runtimes_to_judge(clock: _Clock) -> None:
    """Fewer calls than a connection carries are all asked for, however long they take."""
    client = Backpressure()
    _serve_many(client, clock)
    with _many_open(client, WAITING_UNSEEN_MIN - 1), client.call("draft", 0.001, remembered=False):
        pass


def test_a_few_slow_calls_say_nothing_of_many(clock: _Clock) -> None:
    """Four functions of a minute each run side by side: by them alone, a hundred would take an hour and a half."""
    client = Backpressure()
    for _ in range(4):
        with client.call("draft", 120, remembered=False):
            clock.now += 60
    with _many_open(client, WAITING_UNSEEN_MIN), client.call("draft", 60, remembered=False):
        pass


def test_what_was_refused_is_refused_until_the_time_is_up(clock: _Clock) -> None:
    """By RetryInfo; one who can wait longer than the refused one could is worth asking."""
    client = Backpressure()
    details = Details(reason="QUEUE_FULL", retry_after_ms=500)
    told = OverloadedError("full", status="RESOURCE_EXHAUSTED", details=details)
    with pytest.raises(OverloadedError), client.call("draft", 10, remembered=False):
        raise told
    clock.now += 0.2
    with pytest.raises(OverloadedError, match="not asked again") as refused:
        client.call("draft", 10, remembered=False).__enter__()
    assert refused.value.retry_after_ms in {300, 301}
    with client.call("draft", 11, remembered=False):
        pass
    clock.now += 0.31
    with client.call("draft", 10, remembered=False):
        pass
