"""Run ``python -m hyp3_isce2 ++process WORKFLOW ++omp-num-threads N ...``."""

import sys

from hyp3_isce2.commands import main

sys.exit(main())
