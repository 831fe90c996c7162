"""The gRPC server: registry, releases, admission, execution, audit."""
