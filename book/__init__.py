"""The pages around the chapters, and the programs that execute notebooks and make the book."""

import sys

# jsonschema's optional check of IRIs compiles a grammar for two seconds whenever it is imported,
# and every reader of notebooks imports jsonschema. No notebook needs the check.
sys.modules.setdefault("rfc3987_syntax", None)
