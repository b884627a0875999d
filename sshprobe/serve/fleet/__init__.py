"""The last state of every host of a history, in memory: pages and the API filter, sort and count in it."""
