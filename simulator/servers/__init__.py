"""One module a protocol: a `FieldDevice` shown on its wire by the library's own server side."""
