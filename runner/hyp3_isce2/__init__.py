"""The commands of hyp3-isce2, run by isce2-recipe; ``isce2-recipe translate`` prints what each becomes."""
