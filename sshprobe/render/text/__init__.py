"""Text for people: blocks of one host, tables of many, and the sentences under them."""
