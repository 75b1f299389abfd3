import signal

import pytest

from crackle_stream.cli.interrupts import SIGNALS, Interrupts


def test_an_interrupt_waits_until_what_is_held_is_done():
    done = []
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            done.append("append")
        done.append("never")
    assert done == ["append"]


@pytest.mark.parametrize("name", SIGNALS)
def test_an_interrupt_outside_of_it_is_raised_at_once(name):
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(name)


def test_an_interrupt_after_what_was_held_is_raised_at_once():
    with Interrupts() as interrupts:
        with interrupts.held():
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_handled_interrupts_before_does_so_again():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
