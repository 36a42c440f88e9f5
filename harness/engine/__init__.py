"""claims -> plan -> runs -> rows -> verdicts. Judging and rejudging need no torch; measuring does."""
