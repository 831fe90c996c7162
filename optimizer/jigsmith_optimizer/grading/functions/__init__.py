"""Sources of grading functions. They run in sandboxes of the runtime and are never imported here."""
