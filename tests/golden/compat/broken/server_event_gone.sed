/causes: "NOTE_COUNTED"/d; /^message NoteCounted/,/^}/d
