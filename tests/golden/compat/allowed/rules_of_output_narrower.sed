s/min: 0 max: 1000/min: 1 max: 10/
