/ text = 2 \[\(belfry.field\) = \{max_length: 200/a optional string mood = 9 [(belfry.field) = {required: true max_length: 9 description: "New."}];
