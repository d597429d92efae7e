"""Published forms of cases: a parsed JSON or YAML in, a problem of this package out."""
