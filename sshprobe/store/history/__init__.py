"""The history of a fleet in a database: what each scan saw of each host, with equal observations stored once.

    tables        the tables                         database     opens, creates and migrates a database
    hashing       what makes two observations equal  recorder     writes a scan while it runs, in a thread
    counters      the numbers that a trend shows     scan_writer  the rows of a scan
    queries       scans, records and trends          timelines    hosts, and how one changed
    transfer      import, export and prune           migrations   a module for each version of the tables

It needs the extra `history` (SQLAlchemy and Alembic). A scan without history imports none of it.
"""
