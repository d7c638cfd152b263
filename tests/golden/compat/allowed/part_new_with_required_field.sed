/ code = 3/a optional Mood mood = 9 [(belfry.field) = {description: "New."}];
/^enum Colour/i message Mood { optional string word = 1 [(belfry.field) = {required: true max_length: 9 description: "New."}]; }
