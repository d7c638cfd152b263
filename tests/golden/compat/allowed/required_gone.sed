s/required: true min_length: 2/min_length: 2/
