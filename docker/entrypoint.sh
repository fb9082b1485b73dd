#!/usr/bin/env bash
# Serves both forms of arguments: `run insar_tops_burst --set ...` and, as HyP3's image, `++process insar_tops_burst ...`.
set -e
# Activation sets ISCE_HOME, GDAL's and PROJ's folders; its scripts read variables that may be unset.
conda_sh="${CONDA_DIR:-/opt/conda}/etc/profile.d/conda.sh"
if [ -f "$conda_sh" ]; then
    # shellcheck source=/dev/null
    . "$conda_sh"
    conda activate "${ISCE2_RECIPE_ENVIRONMENT:-isce2-recipe}"
fi
hyp3=
# HyP3's form has a ++ somewhere, or starts with what its default workflow takes: an option or a granule.
case "${1:-}" in
    -h | --help | --version) ;;
    -* | S1_*) hyp3=yes ;;
esac
for word in "$@"; do
    case "$word" in ++*) hyp3=yes ;; esac
done
if [ -n "$hyp3" ]; then
    exec python -um hyp3_isce2 "$@"
fi
exec isce2-recipe "$@"
