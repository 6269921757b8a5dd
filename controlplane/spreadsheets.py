"""Cells of CSV that a spreadsheet takes for text, whatever somebody has named something."""

# The list of OWASP, and the wide forms that spreadsheets of East Asia read alike.
_FORMULA = "=+-@\t\r\n＝＋－＠"
_NEEDS_APOSTROPHE = (*_FORMULA, "'")


def neutralised(cell: str) -> str:
    """The cell as a spreadsheet takes it for text; `restored` undoes it."""
    return f"'{cell}" if cell.startswith(_NEEDS_APOSTROPHE) else cell


def restored(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_NEEDS_APOSTROPHE) else cell
