"""The questions that users ask, each a file of SQL with a header; see `queries.py`."""
