"""The strategy language: schema, checked parser, compiled programs, kernel, reference, explanation. Pure."""
