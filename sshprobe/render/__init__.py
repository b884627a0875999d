"""Views and records as text or documents: one module or folder per format, independent of the source of the facts."""
