s/min: 1 max: 10/min: 2/
