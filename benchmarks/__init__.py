"""Measured ratios with budgets, side by side in one run: `python -m benchmarks`."""
