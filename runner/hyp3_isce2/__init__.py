"""The commands of hyp3-isce2, served by isce2-recipe; ``isce2-recipe translate`` shows what each becomes."""
