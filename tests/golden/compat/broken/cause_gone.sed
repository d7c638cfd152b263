/causes: "NOTE_COUNTED"/d; s/trigger: CLIENT_EVENT/trigger: SERVICE/
