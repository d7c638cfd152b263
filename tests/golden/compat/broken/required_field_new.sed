/ code = 3/a optional string mood = 9 [(belfry.field) = {required: true max_length: 9 description: "New."}];
