"""One scan in several processes: `pool` is on the side of the parent, `worker` and `runner` in each process.

The parent sends settings and targets through a `channel`; workers probe, grade and encode, and send lines in pieces.
Nothing else imports this package unless there are several workers: it needs multiprocessing.
"""
