"""One scan in several processes: `pool` runs in the parent, `worker` in each process.

The parent sends settings and targets through a `channel`; workers probe, grade and encode, and send lines in pieces.
This package is imported only if there are several workers: it needs multiprocessing.
"""
