"""Cameras from files and into files: which camera a row means, what a file would do, and doing it.

`files` reads and writes the formats and knows no rows of the database. Must not be imported by actions.
"""
