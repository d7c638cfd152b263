s/max_length: 8/required: true &/
