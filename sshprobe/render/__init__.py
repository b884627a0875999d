"""Views and records as text or documents: one module or folder a format. Nothing here knows how facts were obtained."""
