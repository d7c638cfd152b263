s/ seq = 2 \[\(belfry.field\) = \{required: true /&XX/; s/required: true XX//
