s/ id = 1 \[\(belfry.field\) = \{required: true format: UUID/ id = 1 [(belfry.field) = {required: true/
