/^service Sample/a rpc AskTime(golden.AskTime) returns (AskTimeReply) { option (belfry.client_event) = { name: "ASK_TIME" purpose: "New." kind: READ right: { self: true } rate: { limit: 1 per_seconds: 1 } }; }
/^message WipeNotesReply/a message AskTime { optional string zone = 1 [(belfry.field) = {required: true max_length: 9 description: "New."}]; }\nmessage AskTimeReply {}
