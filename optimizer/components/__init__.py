"""One module per component; each adds its columns and rows to the matrix and knows no other component."""
