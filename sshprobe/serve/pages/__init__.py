"""The web dashboard. Pages are made on the server and need no JavaScript."""
