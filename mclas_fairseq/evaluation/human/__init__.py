"""Human evaluation as the papers do it: blind sheets for annotators, scores and agreement.

Best-Worst Scaling (MCLAS, ACL 2021, Section 5.5, Tables 3 and 4) or ratings from 1 to 5 (VHM, ACL
2022, Section 5.2, Tables 6 and 7), each on informativeness, conciseness and fluency.

The way: `material` (documents and systems' summaries) -> `design` (what is asked of whom, in which
order) -> `sheets` (CSV) beside `key` (which system is which) -> annotators -> `answers` (sheets
read and checked against the key) -> `scores` -> `report`. `cli/human.py` drives it.
"""
