"""Speed by ratios, all from one run: python -m benchmarks."""
