/name: "POST_NOTE"/a causes: "NOTE_AGAIN"
/^enum Colour/i message NoteAgain { option (belfry.server_event) = { name: "NOTE_AGAIN" purpose: "New." handling: "Show it." scope: ROOM_SCOPE trigger: CLIENT_EVENT }; }
