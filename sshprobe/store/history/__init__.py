"""The history of a fleet in a database: the observation of each host in each scan, with equal ones stored once.

    tables        the tables                         database     opens, creates and migrates a database
    hashing       equality of observations           recorder     writes a scan while it runs, in a thread
    counters      the numbers that a trend shows     scan_writer  the rows of a scan
    queries       scans, records and trends          timelines    hosts, and how one changed
    transfer      import, export and prune           migrations   a module for each version of the tables

It needs the extra `history` (SQLAlchemy and Alembic). A scan without history imports none of it.
"""
