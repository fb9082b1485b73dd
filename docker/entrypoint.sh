#!/usr/bin/env bash
# Serves both forms of arguments: `run insar_tops_burst --set ...` and, as HyP3's image, `++process insar_tops_burst ...`.
set -e
environment=${ISCE2_RECIPE_ENVIRONMENT:-/opt/conda/envs/isce2-recipe}
# Activation sets ISCE_HOME, GDAL's and PROJ's folders; its scripts read variables that may be unset.
if [ -f /opt/conda/etc/profile.d/conda.sh ]; then
    . /opt/conda/etc/profile.d/conda.sh
    conda activate "$environment"
fi
# HyP3's form has a ++ somewhere, or starts with what its default workflow takes.
case "${1:-}" in S1_* | --reference* | --secondary* | --granules* | --looks* | --apply-water-mask* | --bucket*)
    exec python -um hyp3_isce2 "$@" ;;
esac
for word in "$@"; do
    case "$word" in ++*) exec python -um hyp3_isce2 "$@" ;; esac
done
exec isce2-recipe "$@"
