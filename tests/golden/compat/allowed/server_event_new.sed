/^enum Colour/i message NoteLost { option (belfry.server_event) = { name: "NOTE_LOST" purpose: "New." handling: "Show it." scope: ROOM_SCOPE trigger: SERVICE }; }
