"""What all studies stand on: cells in a table, claims, rate trials, a test split opened once.

A study says which cells it has, how one is trained and decoded, and what its report shows; the rest
is here. `study.py` is the form that a study fills in, `command.py` its command line.
"""
