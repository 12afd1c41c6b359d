#!/bin/sh
# Statements of sql/*.sql as C: sql-to-c.sh FILE... > sql.inc
#
# A file schema-NNN.sql becomes one text of sql_schema[], in order.  In every other file
# a line "-- name: x" opens statement SQL_X, which runs to the line that ends in ";".
# Comments stay out of the programs.  The texts show to the one file that defines SQL_TEXTS.
set -eu

exec awk '
function fail(message) {
    printf "%s:%d: %s\n", FILENAME, FNR, message > "/dev/stderr"
    failed = 1
    exit 1
}
function quoted(line) {
    gsub(/\\/, "\\\\", line)
    gsub(/"/, "\\\"", line)
    return "    \"" line "\\n\"\n"
}
FNR == 1 {
    if (name != "") fail("a statement of the file before has no end")
    schema = FILENAME ~ /schema-[0-9]+\.sql$/
    if (schema) schemas++
}
!schema && /^-- name: / {
    if (name != "") fail("statement " name " has no end")
    name = $3
    if (name !~ /^[a-z][a-z0-9_]*$/ || name in seen) fail("bad or repeated name " name)
    seen[name] = 1
    names[++count] = name
    next
}
/^[ \t]*(--.*)?$/ { next }
schema { schema_text[schemas] = schema_text[schemas] quoted($0); next }
name == "" { fail("text outside a statement") }
{
    text[count] = text[count] quoted($0)
    if ($0 ~ /;[ \t]*$/) name = ""
}
END {
    if (failed) exit 1
    if (name != "") fail("statement " name " has no end")
    print "/* Made from sql/ by bin/sql-to-c.sh. */"
    print "enum sql {"
    for (i = 1; i <= count; i++) print "    SQL_" toupper(names[i]) ","
    print "    SQL_COUNT\n};\n"
    printf "#define SQL_SCHEMAS %d\n\n#ifdef SQL_TEXTS\n", schemas
    print "static const char *const sql_text[SQL_COUNT] = {"
    for (i = 1; i <= count; i++)
        printf "    [SQL_%s] =\n%s    ,\n", toupper(names[i]), text[i]
    print "};\n"
    print "static const char *const sql_schema[SQL_SCHEMAS] = {"
    for (i = 1; i <= schemas; i++) printf "%s    ,\n", schema_text[i]
    print "};\n#endif"
}' "$@"
