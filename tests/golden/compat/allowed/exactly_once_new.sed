/name: "READ_NOTE"/,/kind/s/kind: READ/kind: CHANGE/; / note_id = 1/a optional string client_id = 15 [(belfry.field) = {format: UUID description: "New."}];
