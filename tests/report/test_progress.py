"""Progress as text, the time that is left, and the one line of a terminal."""

import io

import pytest
from harness.report.look import Look
from harness.report.progress import Line, Pace, duration, line_of_arm, side_by_side, text_of
from tests.report.screen import screen

RLVR = {"arm": "rlvr", "scale": "tiny", "seed": 0, "step": 100, "steps": 300, "reward": 0.531, "loss": 0.0123}
RLVR |= {"seconds": 10.0, "seconds_left": 20.0, "cost_s": 60.0}
TERMINAL, LOG = Look(40, True, False, True), Look(120, False, False, False)


def run(arm, steps, cost_s):
    return {"arm": arm, "scale": "tiny", "steps": steps, "cost_s": cost_s}


def test_a_training_shows_arm_seed_step_reward_loss_and_what_is_left():
    assert text_of(RLVR) == "rlvr [tiny] seed 0  step 100/300  20 s left  reward 0.53  loss 0.012"
    assert text_of(RLVR | {"reward": None}) == "rlvr [tiny] seed 0  step 100/300  20 s left  loss 0.012"


def test_runs_to_come_are_counted_and_timed_by_measured_steps():
    pace = Pace()
    pace.note(RLVR)
    others = [run("rlvr", 300, 60.0)] * 4
    assert pace.seconds(others) == pytest.approx(4 * 30.0)  # 0.1 s a step was measured; the recipe's 60 s are not believed
    assert text_of(RLVR | {"others": others}, pace).endswith("20 s left  reward 0.53  loss 0.012  (4 runs more: 2 min)")


def test_an_arm_that_was_not_measured_is_timed_by_its_cost_at_the_pace_of_those_that_were():
    pace = Pace()
    pace.note(RLVR)  # takes 30 s, its recipe says 60
    assert pace.seconds([run("sft", 150, 8.0)]) == pytest.approx(4.0)


def test_nothing_measured_gives_no_time():
    assert Pace().seconds([run("sft", 150, 8.0)]) is None
    assert text_of(RLVR | {"others": [run("sft", 150, 8.0)]}, Pace()).endswith("  (1 run more)")
    pace = Pace()
    pace.note(RLVR | {"step": 0})
    assert pace.seconds([run("rlvr", 300, 60.0)]) is None


def test_a_later_reading_of_the_same_arm_replaces_the_first():
    pace = Pace()
    pace.note(RLVR)
    pace.note(RLVR | {"step": 200, "seconds": 40.0, "seconds_left": 20.0})
    assert pace.seconds([run("rlvr", 300, 60.0)]) == pytest.approx(60.0)


def test_a_measuring_shows_the_claim_the_control_and_what_is_left():
    now = {"claim": "iso/learns", "scale": "small", "seed": 2, "control": "null isotropic"}
    now |= {"step": 7, "steps": 20, "seconds_left": 125.0}
    assert text_of(now) == "measuring iso/learns [small] seed 2 null isotropic  7/20  2 min left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (14.4, "14 s"), (99.4, "99 s"), (100, "2 min"), (5400, "90 min"), (7500, "2 h 05 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_the_line_of_an_arm():
    assert line_of_arm(RLVR) == "trained rlvr [tiny]: 300 steps in 10 s a run, reward 0.53, loss 0.012"


def test_one_line_is_written_over_and_never_wider_than_the_terminal():
    stream = io.StringIO()
    line = Line(stream, TERMINAL)
    for text in ("a long text " * 9, "short"):
        line.show(text)
    line.end()
    assert screen(stream.getvalue(), 40) == ["short", ""]


def test_erasing_leaves_nothing():
    stream = io.StringIO()
    line = Line(stream, TERMINAL)
    line.show("something")
    line.erase()
    line.end()
    assert screen(stream.getvalue(), 40) == [""]


def test_below_a_line_that_somebody_else_writes_it_leaves_their_text_alone():
    stream, dots = io.StringIO(), "suites/test_a.py "
    stream.write(dots)
    line = Line(stream, TERMINAL, lambda: len(dots))
    line.show("rlvr step 1")
    assert screen(stream.getvalue(), 40) == [dots.rstrip(), "rlvr step 1"]
    line.show("rlvr step 2, which is longer than forty columns are")
    line.erase()
    stream.write(".\ntests/test_b.py")
    assert screen(stream.getvalue(), 40) == [dots + ".", "tests/test_b.py"]


def test_elsewhere_nothing_is_written():
    stream = io.StringIO()
    line = Line(stream, LOG)
    line.show("something")
    line.erase()
    line.end()
    assert stream.getvalue() == ""


def test_a_plain_terminal_gets_ascii():
    stream = io.StringIO()
    Line(stream, TERMINAL._replace(ascii=True)).show("≥ " + "x" * 60)
    assert stream.getvalue().isascii() and "..." in stream.getvalue()


def test_workers_share_the_width_and_a_short_one_leaves_its_share_to_the_others():
    assert side_by_side(["a" * 40, "b" * 40], 40) == " " + "a" * 17 + "… | " + "b" * 17 + "…"
    assert side_by_side(["a" * 30, "b"], 40) == " " + "a" * 30 + " | b"
    assert side_by_side(["a"], 40) == " a"
