"""`python -m benchmark`: the same as `heptathlon`."""

from benchmark.cli import main

main()
