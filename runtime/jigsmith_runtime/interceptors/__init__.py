"""What surrounds every RPC, one concern each: access log, errors, identity (outermost first)."""
