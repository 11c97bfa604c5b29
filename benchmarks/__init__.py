"""Speed as ratios to the lower bound and to peers; ``python -m benchmarks`` runs all and writes
``results/``.
"""
