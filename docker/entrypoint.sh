#!/usr/bin/env bash
# Accept two forms of arguments: `run insar_tops_burst --set ...` and HyP3's `++process insar_tops_burst ...`.
set -e
# Activating the environment sets ISCE_HOME and the folders of GDAL and PROJ. Its scripts read unset variables (no `set -u`).
conda_sh="${CONDA_DIR:-/opt/conda}/etc/profile.d/conda.sh"
if [ -f "$conda_sh" ]; then
    # shellcheck source=/dev/null
    . "$conda_sh"
    conda activate "${ISCE2_RECIPE_ENVIRONMENT:-isce2-recipe}"
fi
hyp3=
# HyP3's form has an argument that starts with ++, or begins with an argument of its default workflow: an option or a granule.
case "${1:-}" in
    -h | --help | --version) ;;
    -* | S1_*) hyp3=yes ;;
esac
for argument in "$@"; do
    case "$argument" in ++*) hyp3=yes ;; esac
done
if [ -n "$hyp3" ]; then
    exec python -um hyp3_isce2 "$@"
fi
exec isce2-recipe "$@"
