"""Analyses as figures for a paper: pure functions from an analysis to a drawing, one module each.

Only `drawing` may be imported by others: what it loads at the first figure needs matplotlib.
"""
