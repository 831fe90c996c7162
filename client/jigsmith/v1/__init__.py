"""Generated from proto/jigsmith/v1 by proto/generate; never edited."""
