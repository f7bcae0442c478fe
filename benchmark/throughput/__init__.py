"""pytest-benchmark suite of hot kernels: `make bench`.

Kernels of one group do the same work in different forms, in one run, so that their ratio is honest on a noisy machine;
each asserts that the forms agree. Nothing here asserts a time.
"""
