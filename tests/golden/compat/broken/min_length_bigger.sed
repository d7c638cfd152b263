s/min_length: 2/min_length: 3/
