"""One host: which questions, in how few connections, and what was observed."""
