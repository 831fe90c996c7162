"""What surrounds every RPC: `rpc` puts it together, the other modules are its parts."""
