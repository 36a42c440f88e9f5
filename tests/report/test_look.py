"""What a stream and the environment ask for: width, colour, ASCII."""

import io
import os
import pty

import pytest
from harness.report.look import look, plain


class Stream(io.StringIO):
    def __init__(self, terminal=True, encoding="utf-8"):
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    encoding = property(lambda self: self._encoding)

    def isatty(self):
        return self._terminal


def seen(stream, **environ):
    return look(stream, log_width=200, environ={"COLUMNS": "90"} | environ)


def test_a_terminal_has_colour_and_its_own_signs():
    assert seen(Stream(), TERM="xterm") == (90, True, False, True)


def test_no_colour_where_it_is_not_wanted():
    assert seen(Stream(), TERM="xterm", NO_COLOR="1") == (90, False, False, True)
    assert seen(Stream(), TERM="xterm", NO_COLOR="").color  # set and empty does not count


def test_a_dumb_terminal_gets_plain_ascii():
    assert seen(Stream(), TERM="dumb") == (90, False, True, False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", None])
def test_a_stream_that_is_not_utf_gets_ascii(encoding):
    assert seen(Stream(encoding=encoding), TERM="xterm").ascii


def test_a_log_is_as_wide_as_the_writer_likes_unless_columns_says():
    assert look(Stream(terminal=False), log_width=200, environ={}) == (200, False, False, False)
    assert seen(Stream(terminal=False)).width == 90
    assert look(None, log_width=120, environ={}) == (120, False, True, False)


@pytest.mark.parametrize("columns", ["0", "-5", "many", ""])
def test_columns_that_is_no_width_is_not_asked(columns):
    assert look(Stream(terminal=False), log_width=77, environ={"COLUMNS": columns}).width == 77


def test_the_width_of_a_real_terminal():
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 61, 0, 0))
        with os.fdopen(theirs, "w", closefd=False) as stream:
            assert look(stream, environ={"TERM": "xterm"}).width == 61
    finally:
        os.close(ours)
        os.close(theirs)


def test_signs_are_spelled_out():
    assert plain("≥ 1 ± δ – …") == ">= 1 +- ? - ..."
