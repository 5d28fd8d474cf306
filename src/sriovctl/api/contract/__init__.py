"""What the interface promises, without I/O: routes, schemas, OpenAPI, errors, pages, tokens."""
