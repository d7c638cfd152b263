s/int32 count = 1 \[\(belfry.field\) = \{required: true /int32 count = 1 [(belfry.field) = {/
