"""The history of a fleet in a database: what each scan saw of each host, with equal observations stored once.

    tables        the tables                         database     opens, creates and migrates a database
    hashing       what makes two observations equal  recorder     writes a scan while it runs
    counters      the numbers that a trend shows     queries      scans, hosts, timelines and trends
    transfer      import, export and prune           migrations   one module for each version of the tables

It needs the extra `history` (SQLAlchemy and Alembic). A scan without history imports none of it.
"""
