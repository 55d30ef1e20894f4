"""Links of two directions made one set.

Och and Ney (2003), "A Systematic Comparison of Various Statistical Alignment Models"
(Computational Linguistics 29:1), section 5, and Koehn, Och and Marcu (2003), "Statistical
Phrase-Based Translation" (NAACL 2003), section 4.5, for `grow-diag`: from the intersection on,
links of the union beside one that is there are added while they give a token its first link.
"""

SYMMETRISATIONS = ("intersection", "union", "grow-diag")
Links = list[tuple[int, int]]

_BESIDE = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrise(there: set[tuple[int, int]], back: set[tuple[int, int]], how: str) -> Links:
    """Make one set of the links (i, j) that each direction found, sorted.

    Args:
        there: links of the direction in which source explains target.
        back: links of the other direction, also as (source, target).
        how: one of `SYMMETRISATIONS`.
    """
    if how == "union":
        return sorted(there | back)
    common = there & back
    return sorted(common if how == "intersection" else _grow(common, there | back))


def _grow(links: set[tuple[int, int]], union: set[tuple[int, int]]) -> set[tuple[int, int]]:
    found = set(links)
    sources, targets = {i for i, _ in links}, {j for _, j in links}
    waiting = sorted(links)
    while waiting:
        added = []
        for i, j in waiting:
            for di, dj in _BESIDE:
                link = (i + di, j + dj)
                new = link[0] not in sources or link[1] not in targets
                if new and link in union and link not in found:
                    found.add(link)
                    sources.add(link[0])
                    targets.add(link[1])
                    added.append(link)
        waiting = added
    return found
