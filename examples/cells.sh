# Sourced by recipes whose results are kept in the tables of studies/: see python -m studies.recipes.
cells() {
    PYTHONPATH="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)${PYTHONPATH:+:$PYTHONPATH}" \
        python -m studies.recipes "$@"
}
