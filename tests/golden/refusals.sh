#!/bin/sh
# Holds the refusals that the contract promises of an event's own function (`errors`)
# against those that the function gives: none is untold, none is made up.
#
#     refusals.sh PROTO_EVENTS_DIR MIGRATIONS_DIR
set -eu
protos=$1 migrations=$2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# "SEND_MESSAGE NOT_FOUND" for each of `errors`, and the names of the built events
awk -v built="$out/built" '
    /option \(client_event\)/ { name = ""; planned = 0; count = 0 }
    name == "" && /^ *name: "/ { split($0, part, "\""); name = part[2] }
    /^ *errors: / { match($0, /code: [A-Z_]+/); codes[count++] = substr($0, RSTART + 6, RLENGTH - 6) }
    /^ *planned: true/ { planned = 1 }
    /^    };/ && name != "" {
        if (!planned) {
            print name > built
            for (i = 0; i < count; i++) print name, codes[i]
        }
        name = ""
    }' "$protos"/*.proto | sort -u >"$out/promised"

# The same from the bodies of event_send_message() and of what it calls. A rule that only
# the function can check refuses like the rules of fields, which need no telling.
awk -v built="$out/built" '
    BEGIN { while ((getline line < built) > 0) events[++event_count] = line }
    FNR == 1 || /^-- migrate:down/ { name = "" }
    /^CREATE (OR REPLACE )?FUNCTION / {
        name = $0
        sub(/^CREATE (OR REPLACE )?FUNCTION /, "", name)
        sub(/\(.*/, "", name)
        body[name] = ""
    }
    name != "" { body[name] = body[name] $0 "\n" }
    /^(END )?\$\$;/ { name = "" }
    function tell(event, text) {
        while (match(text, /refuse\(\047[A-Z_]+/)) {
            code = substr(text, RSTART + 8, RLENGTH - 8)
            if (code != "VALIDATION_ERROR") print event, code
            text = substr(text, RSTART + RLENGTH)
        }
    }
    END {
        for (i = 1; i <= event_count; i++) {
            start = "event_" tolower(events[i])
            if (!(start in body)) continue
            tell(events[i], body[start])
            for (other in body)
                if (other != start && index(body[start], other "(")) tell(events[i], body[other])
        }
    }' "$migrations"/*.sql | sort -u >"$out/given"

[ -s "$out/given" ] || { echo "no refusal found in $migrations" >&2; exit 1; }
if ! diff -u "$out/promised" "$out/given"; then
    echo "- is in errors of proto/events and in no function; + the other way round" >&2
    exit 1
fi
