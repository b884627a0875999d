"""The HTTP listener: who may send which request, limits, and headers of all answers."""
