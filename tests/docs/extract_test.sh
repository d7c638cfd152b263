#!/bin/sh
# Prints the server test that a page of docs/events shows, so that it is built and run.
#
#     extract_test.sh docs/events/messages.md > test.c
exec awk '
    /^```c$/ { block = ""; inside = 1; next }
    /^```$/ && inside { inside = 0; if (block ~ /support\/event_test\.h/) printf "%s", block; next }
    inside { block = block $0 "\n" }
' "$1"
