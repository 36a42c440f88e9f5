"""Models: scales by name, the tiny model built here, real ones from a wheel, a folder or the hub."""
