"""A terminal as small as it can be: what a stream of text and escape sequences leaves on the screen."""

import re

TOKEN = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]|\x1b")


def screen(text: str, width: int = 80) -> list[str]:
    """Lines as they stand at the end. Known: CR, LF, CSI A (up), G (column), K (clear to the end); colours do nothing."""
    rows, row, column = [[]], 0, 0
    for token in TOKEN.finditer(text):
        number, kind = int(token[1] or 1), token[2]
        if token[0] == "\r":
            column = 0
        elif token[0] == "\n":
            row, column = row + 1, 0  # as a terminal's driver has it
            rows += [[]] * (row == len(rows))
        elif kind == "A":
            row = max(0, row - number)
        elif kind == "G":
            column = number - 1
        elif kind == "K":
            del rows[row][column:]
        elif kind is None:
            rows[row] += [" "] * (column - len(rows[row]))
            rows[row][column : column + 1] = token[0]
            column += 1
            assert column <= width, "a line ran over the end of the terminal"
    return ["".join(each).rstrip() for each in rows]
