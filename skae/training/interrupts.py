"""What ends training early: enough of it, a callback, or Ctrl-C."""

import dis
import time

_SECONDS = 2.0  # within which a second Ctrl-C means all that is running
_last = [-_SECONDS]


class Enough(Exception):
    """Training has reached what it was for."""


def is_from_outside(interrupt):
    """Tell whether a KeyboardInterrupt came by Ctrl-C, not by a `raise` of some code.

    Parameters
    ----------
    interrupt : KeyboardInterrupt
        That was caught.
    """
    traceback = interrupt.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code.co_code
    return dis.opname[code[traceback.tb_lasti]] != "RAISE_VARARGS"


def pressed_again():
    """Tell whether Ctrl-C came right after another, which ended a training alone."""
    now = time.monotonic()
    last, _last[0] = _last[0], now
    return now - last < _SECONDS
