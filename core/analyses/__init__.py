"""What a selection of runs says together: one module for each analysis."""
