/name: "POST_NOTE"/,/kind: CHANGE/s/kind: CHANGE/kind: EPHEMERAL/; /causes: "NOTE_POSTED"/d; s/trigger: CLIENT_EVENT/trigger: SERVICE/
