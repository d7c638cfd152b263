s/max_length: 8/visible: true &/
